import type { RunOptions, Step } from 'holdfast';
import { protocolFor } from './endpoints.ts';
import { begunIn, given, halted, opened, type Asked, type Exchange } from './exchange.ts';
import { httpRequest, type HttpRequest } from './http-request.ts';
import { isJson, parsedJson, type Json } from './json.ts';
import { meteredBody, type BodyMeter } from './metered-body.ts';
import type { AnyGuard, GuardFetchOptions } from './options.ts';
import { webResponse } from './own-answer.ts';
import { embeddings } from './protocols/embeddings.ts';
import type { Protocol, ReadRequest } from './protocols/protocol.ts';
import { openAIError } from './protocols/openai-error.ts';
import { refused } from './refusal.ts';
import { requestKey, retryCount } from './retries.ts';
import { seats, type Seat } from './seats.ts';
import { linkedSignal } from './signals.ts';
import { joinedCall, METERED, ownCall, waitingCalls, type WireCall } from './wire-call.ts';

const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** A call on its way through. */
interface Passage {
  readonly http: HttpRequest;
  readonly protocol: Protocol;
  readonly body: Json;
  readonly text: string;
}

/**
 * A `fetch` whose calls of models are steps of the guard: give it to the `openai` and `@anthropic-ai/sdk` clients, or to
 * whatever else speaks Chat Completions, Responses, Embeddings or Messages over HTTP. It is the only door that sees a
 * client's own retries: each is an attempt with a hold of its own.
 *
 * Inside `guard.run` calls belong to that run, and a call that another door of the guard already meters is metered once.
 * Outside of runs each agent's calls get a run of their own. What the guard refuses is answered as the provider would
 * answer it, with status 402, or 429 where waiting helps, so that clients throw their own error at once: `haltErrorOf`
 * finds the guard's behind it. All other requests pass untouched.
 *
 * @example
 * const client = new OpenAI({ fetch: guardFetch(guard, { scopes: { user: 'u1' } }) });
 * await client.chat.completions.create({ model: 'gpt-4o', messages });
 */
export function guardFetch(guard: AnyGuard, options: GuardFetchOptions = {}): typeof globalThis.fetch {
  const { asksForUsage = true, unreadableBodies = 'refuse', otherPaths = 'pass', maxBodyBytes = BODY_BYTES_MAX } = options;
  const upstream: typeof globalThis.fetch = (input, init) => (options.fetch ?? globalThis.fetch)(input, init);

  const guarded = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const http = httpRequest(input, init);
    if (!http || guard.current()?.mark === METERED) return upstream(input, init);
    const protocol = protocolFor(http.method, http.url);
    const refuse = (by: Pick<Protocol, 'error'>, ...why: [status: number, code: string, message: string]): Response =>
      webResponse(refused(by, ...why));
    if (!protocol) return otherPaths === 'pass' ? upstream(input, init) : refuse({ error: openAIError }, 403, 'not_metered', NOT_METERED);
    const reading = await http.text(maxBodyBytes);
    const body = 'text' in reading ? parsedJson(reading.text) : undefined;
    if (!('text' in reading) || !isJson(body)) {
      const why = 'unreadable' in reading ? reading.unreadable : 'no JSON object';
      if (why === 'too-large') return refuse(protocol, 413, 'body_too_large', `the body is larger than ${maxBodyBytes} bytes`);
      if (unreadableBodies === 'refuse') return refuse(protocol, 400, 'unreadable_body', `${UNREADABLE} (${why})`);
      return http.send(upstream, undefined, http.signal ?? new AbortController().signal);
    }
    return metered({ http, protocol, body, text: reading.text });
  };

  async function metered({ http, protocol, body, text }: Passage): Promise<Response> {
    const { url } = http;
    const read = protocol.read(body, url);
    const around = guard.current();
    const scopes = around ? undefined : await scopesFor(http, body);
    const key = (): string => requestKey(around ? `run ${around.run.id}` : JSON.stringify(scopes), url, text);
    const tries = retryCount((name) => http.headers.get(name));
    const asked: Asked = { protocol, url, body, read, tries, key };
    const waiting = tries ? waitingCalls(guard).take(key()) : undefined;
    const isInside = around?.step?.call.kind === 'model' && !(protocol === embeddings && around.step.call.model !== read.call.model);
    let seat: Seat | undefined;
    let call: WireCall;
    try {
      if (waiting) call = waiting;
      else if (around && isInside) call = await joinedCall(around.run, read);
      else {
        seat = await seats(guard).take(read, () => Promise.resolve(runOptions(scopes)));
        const step = await begun(seat, read);
        if (step.offer.kind === 'answer') {
          const { output, from } = step.offer;
          await step.end({ output });
          seat.leave([]);
          return webResponse(given(asked, output, from));
        }
        call = ownCall(seat, step, read);
      }
    } catch (error) {
      try {
        return webResponse(await halted(guard, asked, seat?.run, error));
      } finally {
        seat?.leave([]);
      }
    }
    const exchange = await opened(guard, asked, call, asksForUsage);
    return 'status' in exchange ? webResponse(exchange) : sent(http, exchange);
  }

  const scopesFor = async ({ url, headers }: HttpRequest, body: Json): Promise<RunOptions<string>['scopes']> =>
    typeof options.scopes === 'function' ? options.scopes({ url, headers, body }) : options.scopes;

  const runOptions = (scopes: RunOptions<string>['scopes']): RunOptions<string> => ({
    ...(scopes ? { scopes } : {}),
    ...(options.budgets ? { budgets: options.budgets } : {}),
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  });

  /** A step of its own, also where a model call of another kind is around it. */
  function begun({ run }: Seat, read: ReadRequest): Promise<Step> {
    const begin = (): Promise<Step> => begunIn(run, read, options.agent);
    const around = guard.current();
    return around?.step?.call.kind === 'model' ? guard.within(run, around.agent ?? 'agent', begin) : run.within(begin);
  }

  /** Makes the request as the guard allows it. */
  async function sent(http: HttpRequest, exchange: Exchange): Promise<Response> {
    const link = linkedSignal([http.signal, exchange.signal]);
    let response: Response;
    try {
      response = await exchange.within(() => http.send(upstream, exchange.body, link.signal));
    } catch (error) {
      link.letGo();
      const own = await exchange.failed(error, http.signal?.aborted ?? false);
      if (own) return webResponse(own);
      throw error;
    }
    const head = { status: response.status, header: (name: string) => response.headers.get(name) };
    let lingering: NodeJS.Timeout | undefined;
    const meter = exchange.answered(head, () => {
      lingering = setTimeout(letGo, LINGER_MS).unref();
    });
    // A caller that aborts may never ask for another piece.
    const onAbort = (): void => meter.left(http.signal?.reason);
    function letGo(): void {
      clearTimeout(lingering);
      link.letGo();
      http.signal?.removeEventListener('abort', onAbort);
    }
    if (response.ok) http.signal?.addEventListener('abort', onAbort, { once: true });
    if (response.body) return withBody(response, meter, letGo);
    await meter.end();
    letGo();
    return response;
  }

  return guarded;
}

/** Many read no further than the last word, and end nothing: their signals may live long, and are let go of then. */
const LINGER_MS = 60_000;

const NOT_METERED = 'this path is not metered, and only calls that are metered may pass';
const UNREADABLE = 'the body of this call cannot be read, so the call cannot be metered';

/** The same response with another body. */
function withBody(response: Response, meter: BodyMeter, over: () => void): Response {
  const { status, statusText, headers, url } = response;
  const made = new Response(response.body && meteredBody(response.body, meter, over), { status, statusText, headers });
  return Object.defineProperty(made, 'url', { value: url });
}
