import type { Run } from 'holdfast';
import { haltAnswer, type GivenAnswer } from './answers.ts';
import type { Seat } from './door-runs.ts';
import { fieldsOf, type AnyGuard } from './host.ts';

/** What becomes of a call that was refused, cut, or failed: an answer given instead, or the error to throw. */
export type Landing = { readonly answer: GivenAnswer } | { readonly error: unknown };

/** The error of the halt, the one instance, in place of whatever the SDK or a provider made of it; else the error as it is. */
export async function landed(guard: AnyGuard, { run, leave }: Seat, error: unknown): Promise<Landing> {
  const { haltError } = run;
  if (!haltError) {
    await leave(fieldsOf(error)['isRetryable'] === true ? 'may-be-tried-again' : 'ended');
    return { error };
  }
  const answer = await haltAnswer(guard, run);
  await leave('ended');
  return answer ? { answer } : { error: haltError };
}

/** A signal that follows the call's own and the run's. Clients put listeners on it and leave them there: not on the run's own. */
export const eitherSignal = (own: AbortSignal | undefined, { signal }: Run): AbortSignal => AbortSignal.any(own ? [own, signal] : [signal]);

/** The halt of a run as one call sees it: with a listener of each call on the run's own signal, Node would warn of a leak. */
export const haltSignal = ({ signal }: Run): AbortSignal => AbortSignal.any([signal]);

/** What `work` gives, or, when the signal aborts first, a rejection with its reason: nobody waits for the work then. */
export function untilAborted<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    const stop = (): void => signal.removeEventListener('abort', abort);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}
