/** A promise that fails when the signal aborts first. Work that does not heed the signal is left alone: nobody waits for it. */
export function orAborted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
    const aborted = (): void => reject(asError(signal.reason));
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
    const done = (): void => signal.removeEventListener('abort', aborted);
    work.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(asError(error));
      },
    );
  });
}
