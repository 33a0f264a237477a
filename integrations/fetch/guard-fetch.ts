import { randomUUID } from 'node:crypto';
import type { Run, RunOptions, Step } from 'holdfast';
import { errorMeter, eventMeter, wholeMeter, type Answering } from './body-meters.ts';
import { protocolFor } from './endpoints.ts';
import { httpRequest, type HttpRequest } from './http-request.ts';
import { isJson, parsedJson, type Json } from './json.ts';
import { meteredBody, type BodyMeter } from './metered-body.ts';
import type { AnyGuard, GuardFetchOptions } from './options.ts';
import { embeddings } from './protocols/embeddings.ts';
import type { Protocol, ReadRequest } from './protocols/protocol.ts';
import { openAIError } from './protocols/openai-error.ts';
import { OWN_ANSWER, refusalFor, refused } from './refusal.ts';
import { longestWaitMs, mayBeTriedAgain, requestKey, retryCount } from './retries.ts';
import { seats, type Seat } from './seats.ts';
import { linkedSignal } from './signals.ts';
import { meterResults } from './tool-rounds.ts';
import { joinedCall, METERED, ownCall, waitingCalls, type WireCall } from './wire-call.ts';

const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** A call on its way through. */
interface Passage {
  readonly http: HttpRequest;
  readonly protocol: Protocol;
  readonly body: Json;
  readonly text: string;
  readonly read: ReadRequest;
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
    if (!protocol) return otherPaths === 'pass' ? upstream(input, init) : refused({ error: openAIError }, 403, 'not_metered', NOT_METERED);
    const reading = await http.text(maxBodyBytes);
    const body = 'text' in reading ? parsedJson(reading.text) : undefined;
    if (!('text' in reading) || !isJson(body)) {
      const why = 'unreadable' in reading ? reading.unreadable : 'no JSON object';
      if (why === 'too-large') return refused(protocol, 413, 'body_too_large', `the body is larger than ${maxBodyBytes} bytes`);
      if (unreadableBodies === 'refuse') return refused(protocol, 400, 'unreadable_body', `${UNREADABLE} (${why})`);
      return http.send(upstream, undefined, http.signal ?? new AbortController().signal);
    }
    return metered({ http, protocol, body, text: reading.text, read: protocol.read(body, http.url) });
  };

  async function metered(passage: Passage): Promise<Response> {
    const { http, protocol, read } = passage;
    const around = guard.current();
    const scopes = around ? undefined : await scopesFor(passage);
    const key = (): string => requestKey(around ? `run ${around.run.id}` : JSON.stringify(scopes), http, passage.text);
    const count = retryCount(http);
    const waiting = count ? waitingCalls(guard).take(key()) : undefined;
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
          return answered(passage, output, from);
        }
        call = ownCall(seat, step, read);
      }
    } catch (error) {
      const refusal = await halted(passage, seat?.run, error);
      seat?.leave([]);
      return refusal;
    }
    return sent(passage, call, key, count);
  }

  const scopesFor = async ({ http: { url, headers }, body }: Passage): Promise<RunOptions<string>['scopes']> =>
    typeof options.scopes === 'function' ? options.scopes({ url, headers, body }) : options.scopes;

  const runOptions = (scopes: RunOptions<string>['scopes']): RunOptions<string> => ({
    ...(scopes ? { scopes } : {}),
    ...(options.budgets ? { budgets: options.budgets } : {}),
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  });

  /** A step of its own, also where a model call of another kind is around it. */
  function begun({ run }: Seat, { call, results, canEdit }: ReadRequest): Promise<Step> {
    const named = options.agent === undefined ? call : { ...call, agent: options.agent };
    const begin = async (): Promise<Step> => {
      await meterResults(run, results);
      return run.begin(named, { canEdit });
    };
    const around = guard.current();
    return around?.step?.call.kind === 'model' ? guard.within(run, around.agent ?? 'agent', begin) : run.within(begin);
  }

  /** What the guard refuses, or the fallback's answer where nobody else will ask for it. */
  async function halted(passage: Passage, run: Run | undefined, error: unknown): Promise<Response> {
    const answer = run?.haltError && !guard.current() ? await guard.answer(run) : undefined;
    return answer ? answered(passage, answer.output, 'fallback') : refusalFor(guard, passage.protocol, error);
  }

  /** Makes the request as the guard allows it. */
  async function sent(passage: Passage, call: WireCall, key: () => string, count: number | undefined): Promise<Response> {
    const { http, protocol, body, read } = passage;
    let request;
    try {
      request = await call.request();
    } catch (error) {
      await call.giveUp(error);
      return halted(passage, call.run, error);
    }
    const edits = call.offer?.edits ?? {};
    const isEdited = Object.values(edits).some((edit) => edit !== undefined);
    const allowed = isEdited ? protocol.edited(body, read, edits, http.url) : body;
    const asking = read.streams && asksForUsage ? protocol.withUsage?.(allowed) : undefined;
    const made = asking ?? allowed;
    const link = linkedSignal([http.signal, request.signal]);
    const { within, failed } = request;
    let response: Response;
    try {
      response = await within(() => http.send(upstream, made === body ? undefined : JSON.stringify(made), link.signal));
    } catch (error) {
      link.letGo();
      await failed(error);
      if (count !== undefined && !http.signal?.aborted && !call.run.haltError) {
        waitingCalls(guard).wait(key(), call, error, longestWaitMs(count));
        throw error;
      }
      await call.giveUp(error);
      if (call.run.haltError && !http.signal?.aborted) return halted(passage, call.run, call.run.haltError);
      throw error;
    }
    if (!response.ok) {
      link.letGo();
      const error = new ResponseError(response.status);
      await failed(error);
      return failedResponse(response, call, error, key, count);
    }
    const isStream = response.headers.get('content-type')?.includes('text/event-stream') ?? read.streams;
    let onAbort = (): void => {};
    const answering: Answering = {
      protocol,
      call,
      request,
      hidesUsage: asking !== undefined,
      over() {
        link.letGo();
        http.signal?.removeEventListener('abort', onAbort);
      },
    };
    const meter = isStream ? eventMeter(answering) : wholeMeter(answering);
    // A caller that aborts may never ask for another piece.
    onAbort = () => meter.left(http.signal?.reason);
    http.signal?.addEventListener('abort', onAbort, { once: true });
    if (response.body) return withBody(response, meter);
    await meter.end();
    return response;
  }

  function failedResponse(
    response: Response,
    call: WireCall,
    error: ResponseError,
    key: () => string,
    count: number | undefined,
  ): Response {
    const giveUp = (): void => void call.giveUp(error).catch(() => {});
    if (count === undefined || !mayBeTriedAgain(response) || !response.body) {
      giveUp();
      return response;
    }
    return withBody(
      response,
      errorMeter((isRead) => {
        if (isRead) giveUp();
        else waitingCalls(guard).wait(key(), call, error, longestWaitMs(count, response));
      }),
    );
  }

  return guarded;
}

const NOT_METERED = 'this path is not metered, and only calls that are metered may pass';
const UNREADABLE = 'the body of this call cannot be read, so the call cannot be metered';

/** What a status of a provider is to the guard: a refusal, for which no tokens are billed. */
class ResponseError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the provider answered with status ${status}`);
    this.status = status;
  }
}

/** The same response with another body. */
function withBody(response: Response, meter: BodyMeter): Response {
  const { status, statusText, headers, url } = response;
  const made = new Response(response.body && meteredBody(response.body, meter), { status, statusText, headers });
  return Object.defineProperty(made, 'url', { value: url });
}

/** An answer of the guard's, as the provider would send it. */
function answered({ protocol, body, read }: Passage, output: unknown, from: string): Response {
  const text = typeof output === 'string' ? output : JSON.stringify(output ?? '');
  const given = { text, model: read.call.model, id: randomUUID(), createdAt: Date.now() };
  const headers = { [OWN_ANSWER]: `answer; from=${from}` };
  if (!read.streams) return Response.json(protocol.answer(given, body), { headers });
  return new Response(protocol.answerStream(given, body), { headers: { 'content-type': 'text/event-stream', ...headers } });
}
