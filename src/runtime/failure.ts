import { HaltError } from '../core/errors.ts';

/** What a provider bills for a call that failed. */
export type FailureBill =
  /** Nothing was sent: the whole hold is given back. */
  | 'unsent'
  /** The provider refused or was not reached: the attempt counts, no tokens are billed. */
  | 'refused'
  /** Something was sent and nobody knows what came of it: the input and what was streamed are booked. */
  | 'sent';

/** Errors of a connection that was never made. */
const unreached: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * What a failed call is billed, judged by its error. `streamed`: whether any output had come. `ownHalt`: the halt of the
 * run of the call, which aborts a call that is under way; any other halt refused a call further in before it was sent.
 */
export function failureBill(error: unknown, streamed: boolean, ownHalt: HaltError | undefined): FailureBill {
  if (streamed) return 'sent';
  for (let depth = 0, at = error; depth < 10 && typeof at === 'object' && at !== null; depth += 1, at = (at as { cause?: unknown }).cause) {
    if (HaltError.is(at)) return at === ownHalt ? 'sent' : 'unsent';
    const { status, statusCode, code } = at as { status?: unknown; statusCode?: unknown; code?: unknown };
    if ([status, statusCode].some((number) => typeof number === 'number' && number >= 400)) return 'refused';
    if (unreached.has(code)) return 'refused';
  }
  return 'sent';
}
