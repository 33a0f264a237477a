import { findHaltError, HaltError, type Run } from 'holdfast';
import { decoded } from './decoded.ts';
import type { Admission, GatedGuard, GateRequest, GateSettings, Scopes } from './options.ts';
import { budgetRefusal, haltRefusal, plainRefusal, RefusedRequestError, type Refusal } from './problem.ts';
import { rateLimitFields } from './rate-limit-fields.ts';
import { accountsFor, limitsInput, standingOf, tokensOf } from './standing.ts';

/** A request on its way through the gate, whatever server it came to. */
export interface Arrival {
  readonly request: GateRequest;
  readonly contentEncoding: string | undefined;
  /** Reads the body, within the gate's limits. */
  readonly body: () => Promise<Uint8Array>;
  /** Aborts when the client has left. */
  readonly gone: AbortSignal;
}

/** Whom a request is for, and what the gate says of it. */
export type Passage =
  | { readonly refusal: Refusal; readonly fields: Record<string, string> }
  | { readonly scopes: Scopes; readonly fields: Record<string, string>; readonly admit: (run: Run) => Admission };

const SCOPES_TIMEOUT_MS = 10_000;

/**
 * Who is it, how much is it, may it pass. Nothing is spent here: the run behind the gate holds each step for itself, so what
 * passes at the same moment as others still meets the budget.
 */
export async function passage(guard: GatedGuard, settings: GateSettings, arrival: Arrival): Promise<Passage> {
  try {
    return await judged(guard, settings, arrival);
  } catch (error) {
    if (error instanceof RefusedRequestError) return { refusal: requestRefusal(error), fields: {} };
    const halt = findHaltError(error);
    if (halt) return { refusal: haltRefusal(halt.halt, halt.code, Date.now()), fields: {} };
    throw error;
  }
}

async function judged(guard: GatedGuard, settings: GateSettings, { request, contentEncoding, body, gone }: Arrival): Promise<Passage> {
  const scopes = await inTime(settings.scopes(request), SCOPES_TIMEOUT_MS, 'the function `scopes` of the gate');
  if (scopes === null || scopes === undefined) {
    return { refusal: plainRefusal(401, 'Who asks is not known', 'unknown_caller', 'say who you are'), fields: {} };
  }
  const accounts = await accountsFor(guard, scopes);
  const now = Date.now();
  const fields = settings.hasFields ? rateLimitFields(accounts, now) : {};
  // What has no room even for an empty body is not read at all, unless something is offered in its place.
  const lastOffer = settings.offers.findLast(({ at }) => at >= 1);
  const before = standingOf(accounts, 0);
  if (before.denial && !lastOffer) return { refusal: budgetRefusal(before.denial, now), fields };

  const plain = await decoded(await body(), contentEncoding, settings.maxBodyBytes);
  let kept: string | undefined;
  const text = (): string => (kept ??= new TextDecoder().decode(plain));
  const { maxInputTokens } = settings;
  const inputTokens =
    maxInputTokens === undefined && !limitsInput(accounts)
      ? undefined
      : await tokensOf(wordsIn(text(), settings.inputText), settings.model, maxInputTokens, gone);
  if (maxInputTokens !== undefined && inputTokens !== undefined && inputTokens > maxInputTokens) {
    const detail = `the body holds more than the ${maxInputTokens} tokens that are taken; shorten it, or split it into parts`;
    return { refusal: plainRefusal(413, 'The input is too large', 'input_too_large', detail), fields };
  }
  const { pressure, denial } = standingOf(accounts, inputTokens ?? 0);
  if (denial && !lastOffer) return { refusal: budgetRefusal(denial, now), fields };
  const offer = denial ? lastOffer : settings.offers.findLast(({ at }) => at < 1 && pressure >= at);
  return {
    scopes,
    fields,
    admit: (run) => ({
      run,
      offer: offer?.name ?? 'full',
      pressure,
      inputTokens,
      accounts,
      text,
      json: () => JSON.parse(text()) as unknown,
    }),
  };
}

/** What the user's function takes from a body is shaped by whoever asks: where it finds no text, everything counts. */
function wordsIn(body: string, inputText: GateSettings['inputText']): string {
  try {
    const words: unknown = inputText(body);
    return typeof words === 'string' ? words : body;
  } catch {
    return body;
  }
}

const requestRefusal = ({ status, code, message, headers }: RefusedRequestError): Refusal =>
  plainRefusal(status, 'The request cannot be taken', code, message, headers);

/** What is answered for an error of the handler's; undefined where it is none of the guard's. */
export function refusalFor(error: unknown, run?: Run): Refusal | undefined {
  const halt = findHaltError(error) ?? (run?.signal.aborted && HaltError.is(run.haltError) ? run.haltError : undefined);
  return halt && haltRefusal(halt.halt, halt.code, Date.now());
}

/** A refusal as its body is sent; the user's shaping is isolated. */
export function problemText({ problem }: Refusal, shape: GateSettings['problem']): string {
  try {
    return JSON.stringify(shape(problem));
  } catch {
    return JSON.stringify(problem);
  }
}

async function inTime<T>(work: T | Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The steps of a run whose client has left have so long to settle what they know; then they are booked as they stand. */
const SETTLE_WITHIN_MS = 10_000;

/** Why a run behind a gate is aborted when nobody waits for it any more. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
  constructor() {
    super('the client has left');
  }
}

/** Makes sure that the run of a client that has left comes to its end. */
export function endSoon(run: Run): void {
  setTimeout(() => void (run.isEnded ? undefined : run.end().catch(() => {})), SETTLE_WITHIN_MS).unref();
}
