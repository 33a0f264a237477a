/** Who waits for each signal. One listener for all: Node takes many on one signal for a leak, and each costs more than a place in a set. */
const waiters = new WeakMap<AbortSignal, Set<() => void>>();

function waitersFor(signal: AbortSignal): Set<() => void> {
  const known = waiters.get(signal);
  if (known) return known;
  const waiting = new Set<() => void>();
  waiters.set(signal, waiting);
  signal.addEventListener('abort', () => {
    for (const stop of waiting) stop();
    waiting.clear();
  });
  return waiting;
}

/** Calls `stop` when the signal aborts. Gives what takes that back. */
export function whenAborted(signal: AbortSignal, stop: () => void): () => void {
  const waiting = waitersFor(signal);
  waiting.add(stop);
  return () => void waiting.delete(stop);
}

/**
 * What `work` gives, or, when the signal aborts first, a rejection with its reason: nobody waits for the work then, and what still
 * fails in it is ignored. For doors, whose calls must not outlive the run that was halted.
 *
 * @example
 * const output = await untilAborted(run.signal, tool.invoke(args));
 */
export function untilAborted<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      work.then(undefined, () => {});
      return reject(signal.reason as Error);
    }
    const leave = whenAborted(signal, () => reject(signal.reason as Error));
    work.then(
      (value) => {
        leave();
        resolve(value);
      },
      (error: unknown) => {
        leave();
        reject(error);
      },
    );
  });
}
