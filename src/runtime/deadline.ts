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
export const startDeadline = (clock: Clock, limitMs: number, onOver: () => void, passedMs = 0): Deadline =>
  new StopWatch(clock, limitMs, onOver, passedMs);

/** A class, for each run has one for as long as it lives: its functions are shared. */
class StopWatch implements Deadline {
  readonly limitMs: number;
  readonly #clock: Clock;
  readonly #onOver: () => void;
  #passedMs: number;
  #since: number;
  #pauses = 0;
  #isStopped = false;
  #timer: unknown = undefined;

  constructor(clock: Clock, limitMs: number, onOver: () => void, passedMs: number) {
    this.limitMs = limitMs;
    this.#clock = clock;
    this.#onOver = onOver;
    this.#passedMs = passedMs;
    this.#since = clock.now();
    this.#arm();
  }

  elapsedMs(): number {
    // A clock that is set back must not make a run younger.
    const running = this.#pauses === 0 && !this.#isStopped ? Math.max(0, this.#clock.now() - this.#since) : 0;
    return this.#passedMs + running;
  }

  isOver(): boolean {
    return this.elapsedMs() >= this.limitMs;
  }

  pause(): () => void {
    if (this.#pauses === 0) this.#hold();
    this.#pauses += 1;
    let isResumed = false;
    return () => {
      if (isResumed) return;
      isResumed = true;
      this.#pauses -= 1;
      if (this.#pauses > 0) return;
      this.#since = this.#clock.now();
      this.#arm();
    };
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#hold();
    this.#isStopped = true;
  }

  #arm(): void {
    if (this.limitMs === Infinity || this.#isStopped) return;
    const leftMs = this.limitMs - this.elapsedMs();
    const ring = (): void => (this.isOver() ? this.#onOver() : this.#arm());
    this.#timer = this.#clock.setTimeout(ring, Math.min(Math.max(0, leftMs), MAX_TIMER_MS));
  }

  #hold(): void {
    this.#passedMs = this.elapsedMs();
    this.#clock.clearTimeout(this.#timer);
  }
}
