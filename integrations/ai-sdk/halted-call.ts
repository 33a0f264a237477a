import type { Run } from 'holdfast';
import { haltAnswer, type GivenAnswer } from './answers.ts';
import type { Seat } from './door-runs.ts';
import { fieldsOf, type AnyGuard, type CallParams } from './host.ts';

/** What becomes of a call that was refused, cut, or failed: an answer given instead, or the error to throw. */
export type Landing = { readonly answer: GivenAnswer } | { readonly error: unknown };

/** The error of the halt, the one instance, in place of whatever the SDK or a provider made of it; else the error as it is. */
export async function landed(guard: AnyGuard, { run, leave }: Seat, error: unknown, params: CallParams): Promise<Landing> {
  const { haltError } = run;
  if (!haltError) {
    await leave(fieldsOf(error)['isRetryable'] === true ? 'may-be-tried-again' : 'ended');
    return { error };
  }
  const answer = await haltAnswer(guard, run, params);
  await leave('ended');
  return answer ? { answer } : { error: haltError };
}

/** A signal that follows the call's own and the run's. Clients put listeners on it and leave them there: not on the run's own. */
export const eitherSignal = (own: AbortSignal | undefined, { signal }: Run): AbortSignal => AbortSignal.any(own ? [own, signal] : [signal]);
