import type { IncomingMessage, ServerResponse } from 'node:http';
import { Crowd, type Guard, type Member } from 'holdfast';
import { exchangesAt, type Exchange, type Exchanges } from 'holdfast/fetch';
import { decodedBody, readBody } from 'holdfast/http';
import { answerFor, refuse } from './answer-error.ts';
import type { Bounds } from './configuration/schema.ts';
import { conversations, type Place } from './conversations.ts';
import { historyOf, type Json } from './history.ts';
import type { Authenticate, Caller, Owner } from './keys.ts';
import { newAccounts } from './new-accounts.ts';
import { parsedBody } from './parsed-body.ts';
import { passOn } from './pass-on.ts';
import { answer, sendOwn, upstreamHeaders } from './respond.ts';
import { routeOf, type Protocol, type Route, type Routed } from './routes.ts';
import { scopesOf } from './scopes.ts';
import { silenceWatch } from './silence.ts';
import { toldLimits } from './told-limits.ts';
import { sharedTurns } from './turns.ts';
import type { Upstream, UpstreamAnswer, UpstreamCall, UpstreamRequest } from './upstream.ts';

/** An upstream with the provider's key, where the proxy holds it. */
export interface KeyedUpstream {
  readonly upstream: Upstream;
  readonly key: string | undefined;
}

export interface CallsOptions {
  readonly guard: Guard<string>;
  readonly authenticate: Authenticate;
  readonly upstreams: Readonly<Partial<Record<Protocol, KeyedUpstream>>>;
  readonly bounds: Bounds;
  /** The scopes that have a budget: only their accounts are kept. */
  readonly budgeted: ReadonlySet<string>;
}

/** Serves the calls of clients. */
export interface Calls {
  handle(request: IncomingMessage, response: ServerResponse, mayContinue: boolean): Promise<void>;
  /** Requests that are being served. */
  readonly inFlight: number;
  /** Aborts what is being served. */
  abort(): void;
  close(): Promise<void>;
}

const BUSY_RETRY_S = '1';

/** A request that is being served. */
interface Serving extends Member {
  /** Why it need not be served any more. */
  reason: Error | undefined;
  /** Ends what is being done for it. */
  stop: ((reason: Error) => void) | undefined;
}

function stop(serving: Serving, reason: Error): void {
  serving.reason ??= reason;
  serving.stop?.(reason);
}

export function servedCalls({ guard, authenticate, upstreams, bounds, budgeted }: CallsOptions): Calls {
  const accounts = newAccounts(bounds.newAccountsPerHour);
  const runs = conversations(guard, { most: bounds.runs, idleMs: bounds.runIdleMs, hasSessions: budgeted.has('session') });
  const doorOf = doors(guard);
  const watchClient = silenceWatch(bounds.clientIdleMs);
  const nextTurn = sharedTurns();
  const limitsFor = toldLimits(guard, budgeted);
  const bodyLimits = { maxBytes: bounds.bodyBytes, timeoutMs: bounds.bodyTimeoutMs, isKept: false };
  const served = new Crowd<Serving>();
  let inFlight = 0;
  let bufferedBytes = 0;

  /** The body; what it may take of the memory for all bodies is set aside before the first byte is read. */
  async function withBody<T>(request: IncomingMessage, use: (body: Uint8Array) => Promise<T>): Promise<T> {
    const declared = request.headers['content-length'];
    const encoding = request.headers['content-encoding'];
    const most = Math.min(declared === undefined ? bounds.bodyBytes : Number(declared), bounds.bodyBytes);
    const set = encoding === undefined ? most : most + bounds.bodyBytes;
    if (bufferedBytes + set > bounds.bufferedBytes)
      refuse(503, 'the proxy holds as many requests as it can', { headers: { 'retry-after': BUSY_RETRY_S } });
    bufferedBytes += set;
    try {
      const sent = await readBody(request, bodyLimits);
      await nextTurn();
      return await use(encoding === undefined ? sent : await decodedBody(sent, encoding, bounds.bodyBytes));
    } finally {
      bufferedBytes -= set;
    }
  }

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    { route, ids, query }: Extract<Routed, { kind: 'route' }>,
    caller: Caller,
    mayContinue: boolean,
  ): Promise<void> {
    const scoped = scopesOf(caller, ids, request.headers);
    if (scoped.kind === 'refusal') return refuse(scoped.status, scoped.message);
    const to = upstreams[route.protocol];
    if (!to) return refuse(404, `the proxy has no upstream for ${route.protocol}`);
    const serving: Serving = { reason: undefined, stop: undefined, place: -1 };
    served.add(serving);
    response.once('close', () => {
      served.delete(serving);
      if (!response.writableFinished) stop(serving, new Error('the client has left'));
    });
    if (mayContinue) response.writeContinue();
    const asking = { method: route.method, path: route.path, query, headers: upstreamHeaders(request, route.protocol, to.key) };
    if (route.method === 'GET') return passedFreely(to.upstream, { ...asking, body: undefined }, response, serving);
    return withBody(request, async (bytes) => {
      const { body, text } = parsedBody(bytes);
      if (route.api === 'free') return passedFreely(to.upstream, { ...asking, body: text }, response, serving);
      const place = entered(route, scoped, body, text.includes('"cache_control"'));
      let isFailed = true;
      try {
        const exchange = await doorOf(to.upstream, route).open({ run: place.run, body, text, header: (name) => headerOf(request, name) });
        const status =
          'status' in exchange
            ? sendOwn(response, exchange, place.run)
            : await passed(exchange, to.upstream, { ...asking, body: exchange.body ?? text }, response, serving, (start) => {
                if (route.api === 'responses') rememberResponse(start, place.remember);
              });
        isFailed = status > 299;
      } finally {
        place.leave(isFailed);
      }
    });
  }

  /** The run of a call; throws where it can have none. */
  function entered({ api }: Route, { scopes, owner, run }: Owner, body: Json, hasCacheMarks: boolean): Place {
    const kept: Record<string, string> = {};
    for (const scope in scopes) if (scope === 'tenant' || budgeted.has(scope)) kept[scope] = scopes[scope]!;
    const admitted = accounts.admit(kept, Date.now());
    if (!admitted.isAdmitted) {
      refuse(429, 'too many new users, sessions or features in this hour', {
        code: 'too_many_new_accounts',
        headers: { 'retry-after': String(admitted.waitS) },
      });
    }
    const place = runs.enter({ owner, scopes, run, history: historyOf(api, body, `${owner}\n${api}`, hasCacheMarks) });
    return place ?? refuse(503, 'as many runs are alive as may be', { headers: { 'retry-after': BUSY_RETRY_S } });
  }

  /** A call that providers do not bill. */
  async function passedFreely(upstream: Upstream, asking: UpstreamRequest, response: ServerResponse, serving: Serving): Promise<void> {
    const call = started(upstream, asking, serving);
    const passing = passOn(await call.answer, response, { headers: [], meter: undefined, watchClient, nextTurn });
    serving.stop = passing.leave;
    await passing.done;
  }

  /** Makes a call as the guard allows it; gives the status that the client was told. */
  async function passed(
    exchange: Exchange,
    upstream: Upstream,
    asking: UpstreamRequest,
    response: ServerResponse,
    serving: Serving,
    onStart: (bytes: Uint8Array) => void,
  ): Promise<number> {
    const { run, signal } = exchange;
    const limits = limitsFor(run);
    let onHalt: (reason: Error) => void = () => {};
    const halted = (): void => onHalt(signal.reason as Error);
    signal.addEventListener('abort', halted, { once: true });
    try {
      let answer: UpstreamAnswer;
      try {
        if (serving.reason) throw serving.reason;
        signal.throwIfAborted();
        const call = started(upstream, asking, serving);
        onHalt = call.stop;
        answer = await call.answer;
      } catch (error) {
        const own = await exchange.failed(error, serving.reason !== undefined);
        if (own) return sendOwn(response, own, run);
        throw error;
      }
      const meter = exchange.answered(answer);
      const headers = ['holdfast-run', run.id, ...(answer.status < 300 ? limits.fields : [])];
      const passing = passOn(answer, response, { headers, meter, watchClient, nextTurn, onStart });
      serving.stop = passing.leave;
      onHalt = passing.cut;
      await passing.done;
      return answer.status;
    } finally {
      signal.removeEventListener('abort', halted);
    }
  }

  return {
    async handle(request, response, mayContinue) {
      inFlight += 1;
      const routed = routeOf(request.method ?? '', request.url ?? '');
      const protocol = protocolOf(request, routed);
      try {
        if (routed.kind === 'refusal') refuse(routed.status, routed.message);
        else {
          const caller = authenticate(request.headers);
          if (!caller) return refuse(401, 'the key is missing, or is not known here', { code: 'invalid_api_key' });
          if (inFlight > bounds.inFlight)
            refuse(503, 'the proxy serves as many requests as it can', { headers: { 'retry-after': BUSY_RETRY_S } });
          await serve(request, response, routed, caller, mayContinue);
        }
      } catch (error) {
        answer(response, protocol, answerFor(error));
      } finally {
        inFlight -= 1;
      }
    },
    get inFlight() {
      return inFlight;
    },
    abort() {
      for (const serving of served.all()) stop(serving, new Error('the proxy shuts down'));
    },
    async close() {
      await runs.close();
      for (const { upstream } of Object.values(upstreams)) upstream.close();
    },
  };
}

/** Asks an upstream for a request that may be given up. */
function started(upstream: Upstream, asking: UpstreamRequest, serving: Serving): UpstreamCall {
  const call = upstream.ask(asking);
  serving.stop = call.stop;
  return call;
}

/** What meters the calls of each route of each upstream, made when it is first wanted. */
function doors(guard: Guard<string>): (upstream: Upstream, route: Route) => Exchanges {
  const known = new Map<Upstream, Map<string, Exchanges>>();
  return (upstream, { path }) => {
    const byPath = known.get(upstream) ?? new Map<string, Exchanges>();
    known.set(upstream, byPath);
    let door = byPath.get(path);
    if (!door) {
      door = exchangesAt(guard, new URL(upstream.address(path, '')));
      if (!door) throw new Error(`no call of a model is known at ${path}`);
      byPath.set(path, door);
    }
    return door;
  };
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

const protocolOf = ({ headers, url = '' }: IncomingMessage, routed: Routed): Protocol => {
  if (routed.kind === 'route' && routed.route.api !== 'free') return routed.route.protocol;
  return headers['anthropic-version'] !== undefined || url.includes('/v1/messages') ? 'anthropic' : 'openai';
};

/** A response's id is among its first words; the next request may go on from it. */
function rememberResponse(start: Uint8Array, remember: (id: string) => void): void {
  const id = /"id":\s*"(resp_[\w-]{1,200})"/.exec(Buffer.from(start.subarray(0, 4_096)).toString('latin1'))?.[1];
  if (id !== undefined) remember(id);
}
