import { createHash } from 'node:crypto';

/** A header of a request or an answer, by its lower-case name. */
export type HeaderOf = (name: string) => string | null | undefined;

/** What an answer says before its body. */
export interface AnswerHead {
  readonly status: number;
  readonly header: HeaderOf;
}

/**
 * The header in which both clients say how often they have tried a request before. Only they are known to try again
 * by themselves; whoever does it otherwise makes another call.
 */
const RETRY_COUNT = 'x-stainless-retry-count';

/** How often the client has tried this before; undefined for clients that do not say. */
export function retryCount(header: HeaderOf): number | undefined {
  const value = header(RETRY_COUNT);
  return typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : undefined;
}

/** What a request and its repetition have in common. */
export const requestKey = (owner: string, url: URL, text: string): string =>
  createHash('sha256').update(`${owner}\n${url.href}\n`).update(text).digest('base64');

/** Whether the clients try again after such an answer, if they have tries left: their own rule. */
export function mayBeTriedAgain({ status, header }: AnswerHead): boolean {
  const said = header('x-should-retry');
  if (said === 'true' || said === 'false') return said === 'true';
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** The clients wait half a second, and twice as long each time, up to eight seconds; or as long as the provider says, up to a minute. */
const FIRST_WAIT_MS = 500;
const WAIT_MAX_MS = 8_000;
const SAID_WAIT_MAX_MS = 60_000;
/** A busy process wakes up late. */
const PATIENCE_MS = 2_000;

/** Seconds, or a date. */
function retryAfterMs(value: string | null | undefined): number {
  if (value === null || value === undefined) return Number.NaN;
  const seconds = Number(value);
  return Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1_000;
}

export function longestWaitMs(count: number, answer?: AnswerHead): number {
  const usual = Math.min(FIRST_WAIT_MS * 2 ** Math.min(count, 10), WAIT_MAX_MS);
  const said = Number(answer?.header('retry-after-ms') ?? retryAfterMs(answer?.header('retry-after')));
  return (said >= 0 && said <= SAID_WAIT_MAX_MS ? Math.max(said, usual) : usual) + PATIENCE_MS;
}
