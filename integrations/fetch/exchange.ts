import { randomUUID } from 'node:crypto';
import type { CallEdits, Run, Step } from 'holdfast';
import { errorMeter, eventMeter, wholeMeter, type Answering } from './body-meters.ts';
import { detached } from './detached.ts';
import type { Json } from './json.ts';
import type { BodyMeter } from './metered-body.ts';
import type { AnyGuard } from './options.ts';
import { jsonAnswer, OWN_ANSWER, type OwnAnswer } from './own-answer.ts';
import type { Protocol, ReadRequest } from './protocols/protocol.ts';
import { refusalFor, refused } from './refusal.ts';
import { longestWaitMs, mayBeTriedAgain, type AnswerHead } from './retries.ts';
import { meterResults } from './tool-rounds.ts';
import { waitingCalls, type WireCall } from './wire-call.ts';

/** A request to a model, read. */
export interface Asked {
  readonly protocol: Protocol;
  readonly url: URL;
  readonly body: Json;
  readonly read: ReadRequest;
  /** How often its client has tried it before; undefined for clients that do not say. */
  readonly tries: number | undefined;
  /** What it and its repetition have in common. */
  readonly key: () => string;
}

/**
 * A call of a model that may be made, on plain data: whoever sends it says what came of it. Exactly one of `failed` and
 * `answered` is called.
 */
export interface Exchange {
  readonly run: Run;
  /** What is sent in place of the caller's body; undefined where that goes as it came. */
  readonly body: string | undefined;
  /** Aborts when the run is halted. */
  readonly signal: AbortSignal;
  /** Runs `fn` with the call around it. */
  within<T>(fn: () => T): T;
  /** No answer came. Gives what the guard answers in its place, where it was the guard that stopped the call. */
  failed(error: unknown, hasLeft: boolean): Promise<OwnAnswer | undefined>;
  /** An answer has begun: what watches its body. `over` is called once when it is settled; the body may still be on its way. */
  answered(answer: AnswerHead, over?: () => void): BodyMeter;
}

/** Begins the call as a step of the run: its offer may be an answer in its place. */
export async function begunIn(run: Run, { call, results, canEdit }: ReadRequest, agent?: string): Promise<Step> {
  await meterResults(run, results);
  return run.begin(agent === undefined ? call : { ...call, agent }, { canEdit });
}

/** Takes a hold for one request of the call, and makes of it what the guard allows. */
export async function opened(guard: AnyGuard, asked: Asked, call: WireCall, asksForUsage: boolean): Promise<Exchange | OwnAnswer> {
  const { protocol, tries, key } = asked;
  const made = madeBody(asked, call.offer?.edits, asksForUsage);
  if (!made) {
    await call.giveUp(new ResponseError(400));
    return refused(protocol, 400, 'unreadable_body', UNWRITABLE);
  }
  let request: Awaited<ReturnType<WireCall['request']>>;
  try {
    request = await call.request();
  } catch (error) {
    await call.giveUp(error);
    return halted(guard, asked, call.run, error);
  }

  async function failed(error: unknown, hasLeft: boolean): Promise<OwnAnswer | undefined> {
    if (tries !== undefined && !hasLeft && !call.run.haltError) {
      await request.failedForNow(error);
      waitingCalls(guard).wait(key(), call, error, longestWaitMs(tries));
      return undefined;
    }
    await request.failed(error);
    return call.run.haltError && !hasLeft ? halted(guard, asked, call.run, call.run.haltError) : undefined;
  }

  /** An error of the provider's, for which no tokens are billed. */
  function refusedBy(answer: AnswerHead): BodyMeter {
    const error = new ResponseError(answer.status);
    if (tries === undefined || !mayBeTriedAgain(answer)) {
      detached(request.failed(error));
      return errorMeter(() => {});
    }
    detached(request.failedForNow(error));
    return errorMeter((isRead) => {
      if (isRead) detached(call.giveUp(error));
      else waitingCalls(guard).wait(key(), call, error, longestWaitMs(tries, answer));
    });
  }

  return {
    run: call.run,
    body: made.text,
    signal: request.signal,
    within: request.within,
    failed,
    answered(answer, over = () => {}) {
      if (answer.status < 200 || answer.status > 299) {
        over();
        return refusedBy(answer);
      }
      const answering: Answering = { protocol, call, request, hidesUsage: made.asks, over };
      const isStream = answer.header('content-type')?.toLowerCase().includes('text/event-stream') ?? asked.read.streams;
      return isStream ? eventMeter(answering) : wholeMeter(answering);
    },
  };
}

/**
 * What is sent in place of the caller's body, and whether it asks for the usage of a stream; no text where that goes as it came.
 * Undefined for a body that JSON can read and not write, nested as deeply as no client nests it.
 */
function madeBody(
  { protocol, body, read, url }: Asked,
  edits: CallEdits = {},
  asksForUsage: boolean,
): { readonly text: string | undefined; readonly asks: boolean } | undefined {
  const isEdited = Object.values(edits).some((edit) => edit !== undefined);
  try {
    const allowed = isEdited ? protocol.edited(body, read, edits, url) : body;
    const asking = read.streams && asksForUsage ? protocol.withUsage?.(allowed) : undefined;
    const made = asking ?? allowed;
    return { text: made === body ? undefined : JSON.stringify(made), asks: asking !== undefined };
  } catch {
    return undefined;
  }
}

const UNWRITABLE = 'the body of this call cannot be written anew, as its budget asks for';

/** What the guard refuses, or the fallback's answer where nobody else will ask for it. */
export async function halted(guard: AnyGuard, asked: Asked, run: Run | undefined, error: unknown): Promise<OwnAnswer> {
  const takesText = asked.read.canEdit.includes('answer');
  const answer = run?.haltError && takesText && !guard.current() ? await guard.answer(run) : undefined;
  return answer ? given(asked, answer.output, 'fallback') : refusalFor(guard, asked.protocol, error);
}

/** An answer of the guard's, as the provider would send it. */
export function given({ protocol, body, read }: Asked, output: unknown, from: string): OwnAnswer {
  const text = typeof output === 'string' ? output : JSON.stringify(output ?? '');
  const told = { text, model: read.call.model, id: randomUUID(), createdAt: Date.now() };
  const headers = { [OWN_ANSWER]: `answer; from=${from}` };
  if (!read.streams) return jsonAnswer(200, protocol.answer(told, body), headers);
  return { status: 200, headers: { 'content-type': 'text/event-stream', ...headers }, body: protocol.answerStream(told, body) };
}

/** What a status is to the guard: a refusal, for which no tokens are billed. */
class ResponseError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`answered with status ${status}`);
    this.status = status;
  }
}
