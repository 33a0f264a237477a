import type { Clock } from '../runtime/clock.ts';

/** A clock that stands still until it is told. Its timers fire while it advances, in their order. */
export interface FakeClock extends Clock {
  /** Lets time pass. Timers that come due fire on the way, each at its own moment; so do those that they set. */
  advance(ms: number): void;
  /** Moves the clock to a moment, forward or back, without firing anything. */
  set(moment: number): void;
  /** How many timers are waiting. */
  readonly waiting: number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * A clock for tests, in milliseconds since the epoch; it starts at noon UTC on 15 January 2026 unless told otherwise.
 *
 * @example
 * const clock = fakeClock();
 * const store = memoryStore({ now: clock.now });
 * clock.advance(60_000);
 */
export function fakeClock(start = Date.UTC(2026, 0, 15, 12)): FakeClock {
  let current = start;
  const timers = new Set<Timer>();
  const nextDue = (until: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) if (timer.at <= until && (!next || timer.at < next.at)) next = timer;
    return next;
  };
  return {
    now: () => current,
    setTimeout(callback, ms) {
      const timer: Timer = { at: current + Math.max(0, ms), callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (handle) => void timers.delete(handle as Timer),
    advance(ms) {
      const until = current + ms;
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer);
        current = Math.max(current, timer.at);
        timer.callback();
      }
      current = until;
    },
    set(moment) {
      current = moment;
    },
    get waiting() {
      return timers.size;
    },
  };
}
