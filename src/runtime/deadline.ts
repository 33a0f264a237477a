import type { Clock } from './clock.ts';

/** A stop-watch that can stand still, with an alarm when its time is up. */
export interface Deadline {
  /** Milliseconds that have passed, pauses left out. */
  elapsedMs(): number;
  readonly limitMs: number;
  isOver(): boolean;
  /** Lets it stand still until the returned function is called. Pauses may overlap. */
  pause(): () => void;
  /** Ends the alarm. */
  stop(): void;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Starts a stop-watch, at `passedMs`. `limitMs` Infinity: it never rings. */
export function startDeadline(clock: Clock, limitMs: number, onOver: () => void, passedMs = 0): Deadline {
  let since = clock.now();
  let pauses = 0;
  let isStopped = false;
  let timer: unknown;
  // A clock that is set back must not make a run younger.
  const elapsedMs = (): number => passedMs + (pauses === 0 && !isStopped ? Math.max(0, clock.now() - since) : 0);
  const arm = (): void => {
    if (limitMs === Infinity || isStopped) return;
    const leftMs = limitMs - elapsedMs();
    timer = clock.setTimeout(() => (elapsedMs() >= limitMs ? onOver() : arm()), Math.min(Math.max(0, leftMs), MAX_TIMER_MS));
  };
  const hold = (): void => {
    passedMs = elapsedMs();
    clock.clearTimeout(timer);
  };
  arm();
  return {
    elapsedMs,
    limitMs,
    isOver: () => elapsedMs() >= limitMs,
    pause() {
      if (pauses === 0) hold();
      pauses += 1;
      let isResumed = false;
      return () => {
        if (isResumed) return;
        isResumed = true;
        pauses -= 1;
        if (pauses > 0) return;
        since = clock.now();
        arm();
      };
    },
    stop() {
      if (isStopped) return;
      hold();
      isStopped = true;
    },
  };
}
