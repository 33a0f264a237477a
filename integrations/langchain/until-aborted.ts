import { detached } from './detached.ts';

/** What `work` gives, or, when the signal aborts first, a rejection with its reason: nobody waits for the work then. */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  detached(work);
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
