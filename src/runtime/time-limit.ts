import { GuardError } from '../core/errors.ts';
import type { Clock } from './clock.ts';

/** Something took longer than it may. `code` is `time_limit`. */
export class TimeLimitError extends GuardError {
  constructor(what: string, ms: number) {
    super('time_limit', `${what} did not answer within ${ms} ms`);
  }
}

/**
 * A promise that fails when the other does not settle in time. What comes too late is ignored, also when it fails. Until
 * then the process stays alive, unless nobody waits for the answer.
 */
export function withinTime<T>(what: string, promise: PromiseLike<T>, ms: number, clock: Clock, isAwaited = true): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new TimeLimitError(what, ms)), ms, isAwaited);
    const done = (): void => clock.clearTimeout(timer);
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error instanceof Error ? error : new Error(`${what} failed with a value that is no error`, { cause: error }));
      },
    );
  });
}

/** Lets work go on that nobody waits for. Its failure, if it can fail, goes to `onError`: never an unhandled rejection. */
export function detach(work: unknown, onError: (error: unknown) => void = () => {}): void {
  if (isPromise(work)) work.then(undefined, onError);
}

/** Whether a value is a promise of whichever kind. */
export const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
