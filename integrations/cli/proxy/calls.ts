import type { IncomingMessage, ServerResponse } from 'node:http';
import { findHaltError, InvalidOptionError, type Guard } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { decodedBody, haltRefusal, readBody, RefusedRequestError } from 'holdfast/http';
import type { Bounds } from './configuration/schema.ts';
import { conversations } from './conversations.ts';
import { historyOf } from './history.ts';
import type { Authenticate, Caller } from './keys.ts';
import { newAccounts } from './new-accounts.ts';
import { answer, sendOn, upstreamHeaders, type Answer } from './respond.ts';
import { routeOf, type Protocol, type Routed } from './routes.ts';
import { scopesOf } from './scopes.ts';
import { UpstreamError, type Upstream } from './upstream.ts';

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

/** An answer of the proxy's own, thrown from wherever it is found out. */
class AnswerError extends Error {
  readonly answer: Answer;
  constructor(given: Answer) {
    super(given.message);
    this.answer = given;
  }
}

const refuse = (status: number, message: string, more: Omit<Answer, 'status' | 'message'> = {}): never => {
  throw new AnswerError({ status, message, ...more });
};

const BUSY_RETRY_S = '1';
const MODEL_LENGTH_MAX = 256;

export function servedCalls({ guard, authenticate, upstreams, bounds, budgeted }: CallsOptions): Calls {
  const accounts = newAccounts(bounds.newAccountsPerHour);
  const runs = conversations(guard, { most: bounds.runs, idleMs: bounds.runIdleMs, hasSessions: budgeted.has('session') });
  const guarded = new Map(
    Object.values(upstreams).map(({ upstream }) => [upstream, guardFetch(guard, { fetch: upstream.fetch })] as const),
  );
  const serving = new Set<AbortController>();
  let inFlight = 0;
  let bufferedBytes = 0;

  /** The body as text; what it may take of the memory for all bodies is set aside before the first byte is read. */
  async function withBody<T>(request: IncomingMessage, use: (body: Uint8Array) => Promise<T>): Promise<T> {
    const declared = request.headers['content-length'];
    const most = Math.min(declared === undefined ? bounds.bodyBytes : Number(declared), bounds.bodyBytes);
    const set = request.headers['content-encoding'] === undefined ? most : most + bounds.bodyBytes;
    if (bufferedBytes + set > bounds.bufferedBytes)
      refuse(503, 'the proxy holds as many requests as it can', { headers: { 'retry-after': BUSY_RETRY_S } });
    bufferedBytes += set;
    try {
      const sent = await readBody(request, { maxBytes: bounds.bodyBytes, timeoutMs: bounds.bodyTimeoutMs });
      return await use(await decodedBody(sent, request.headers['content-encoding'], bounds.bodyBytes));
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
    const gone = new AbortController();
    serving.add(gone);
    response.once('close', () => {
      serving.delete(gone);
      if (!response.writableFinished) gone.abort(new Error('the client has left'));
    });
    const { signal } = gone;
    const headers = upstreamHeaders(request, route.protocol, to.key);
    const address = to.upstream.address(route.path, query);
    const idleMs = bounds.clientIdleMs;
    if (mayContinue) response.writeContinue();
    if (route.method === 'GET') {
      return sendOn(await to.upstream.fetch(address, { method: 'GET', headers, signal }), response, { idleMs, headers: {} });
    }
    return withBody(request, async (bytes) => {
      const { body, text } = parsedBody(bytes);
      const init = { method: 'POST', headers, body: text, signal };
      if (route.api === 'free') return sendOn(await to.upstream.fetch(address, init), response, { idleMs, headers: {} });
      const { scopes } = scoped;
      const kept = Object.fromEntries(Object.entries(scopes).filter(([scope]) => scope === 'tenant' || budgeted.has(scope)));
      const admitted = accounts.admit(kept, Date.now());
      if (!admitted.isAdmitted) {
        return refuse(429, 'too many new users, sessions or features in this hour', {
          code: 'too_many_new_accounts',
          headers: { 'retry-after': String(admitted.waitS) },
        });
      }
      const owner = JSON.stringify([caller.name, scopes]);
      const place = runs.enter({ owner, scopes, run: scoped.run, history: historyOf(route.api, body, `${owner}\n${route.api}`) });
      if (!place) return refuse(503, 'as many runs are alive as may be', { headers: { 'retry-after': BUSY_RETRY_S } });
      let isFailed = true;
      try {
        const call = guarded.get(to.upstream)!;
        const answered = await place.run.within(() => call(address, init));
        await sendOn(answered, response, {
          idleMs,
          headers: { 'holdfast-run': place.run.id },
          ...(route.api === 'responses' ? { onStart: (start) => rememberResponse(start, place.remember) } : {}),
        });
        isFailed = !answered.ok;
      } finally {
        place.leave(isFailed);
      }
    });
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
      for (const each of serving) each.abort(new Error('the proxy shuts down'));
    },
    async close() {
      await runs.close();
      for (const { upstream } of Object.values(upstreams)) upstream.close();
    },
  };
}

const protocolOf = ({ headers, url = '' }: IncomingMessage, routed: Routed): Protocol => {
  if (routed.kind === 'route' && routed.route.api !== 'free') return routed.route.protocol;
  return headers['anthropic-version'] !== undefined || url.includes('/v1/messages') ? 'anthropic' : 'openai';
};

/** The body, and its text anew: what goes up is what was read here, so a name that comes twice means the same to everybody. */
function parsedBody(bytes: Uint8Array): { readonly body: Record<string, unknown>; readonly text: string } {
  let body: unknown;
  let text: string;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    // Throws for what is nested so deeply that nobody could walk through it.
    text = JSON.stringify(body);
  } catch {
    return refuse(400, 'the body is not JSON in UTF-8');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return refuse(400, 'the body is not a JSON object');
  const { model } = body as { model?: unknown };
  if (typeof model !== 'string' || model === '' || model.length > MODEL_LENGTH_MAX) return refuse(400, 'the body names no model');
  return { body: body as Record<string, unknown>, text };
}

/** A response's id is among its first words; the next request may go on from it. */
function rememberResponse(start: Uint8Array, remember: (id: string) => void): void {
  const id = /"id":\s*"(resp_[\w-]{1,200})"/.exec(Buffer.from(start.subarray(0, 4_096)).toString('latin1'))?.[1];
  if (id !== undefined) remember(id);
}

/** What a client is told of an error. Nothing of the upstream's address or key is in it. */
function answerFor(error: unknown): Answer {
  if (error instanceof AnswerError) return error.answer;
  if (error instanceof RefusedRequestError) {
    return { status: error.status, message: error.message, code: error.code, headers: error.headers };
  }
  const halt = findHaltError(error);
  if (halt) {
    const { status, headers } = haltRefusal(halt.halt, halt.code, Date.now());
    return { status, message: halt.message, code: halt.code, headers };
  }
  if (error instanceof UpstreamError) return { status: error.answer, message: error.message, code: 'upstream_failed' };
  if (error instanceof InvalidOptionError) return { status: 400, message: error.message, code: error.code };
  return { status: 502, message: 'the call could not be made', code: 'proxy_failed' };
}
