/** The time and the timers of a guard, in one replaceable place. Times are milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /**
   * A timer. It keeps the process alive only with `isAwaited`: then somebody waits for it, and without it their `await`
   * would end with the process.
   */
  setTimeout(callback: () => void, ms: number, isAwaited?: boolean): unknown;
  clearTimeout(handle: unknown): void;
}

/** Node's own clock. */
export const systemClock: Clock = {
  now: Date.now,
  setTimeout(callback, ms, isAwaited = false) {
    const timer = setTimeout(callback, ms);
    return isAwaited ? timer : timer.unref();
  },
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};
