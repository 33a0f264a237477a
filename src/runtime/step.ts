import type { Offer } from '../core/offer.ts';
import type { Call, StepResult } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';

/** Where a piece of streamed output belongs. */
export type StreamChannel = 'text' | 'thinking';

/**
 * A step that was begun: its hold is in place. It ends exactly once, by `end`, `fail` or `release`; further calls do nothing.
 *
 * @example
 * const step = await run.begin({ kind: 'tool', name: 'search', args });
 * try {
 *   await step.end({ output: await search(args) });
 * } catch (error) {
 *   await step.fail(error);
 * }
 */
export interface Step {
  readonly id: string;
  /** Number of the step in its run tree, from 0. */
  readonly index: number;
  readonly call: Call;
  /** How the guard allows the step to be done. */
  readonly offer: Offer;
  /** Aborts when the run is halted; its reason is the error. */
  readonly signal: AbortSignal;
  /** True when an open step around the caller was joined: nothing more was held, and usage goes there. */
  readonly isJoined: boolean;
  readonly isOpen: boolean;
  /**
   * Takes a piece of a model's output as it streams. Throws the error of the halt when the stream must be cut: the hold
   * is used up and the budgets have no more, or the text goes in circles. A promise when the store must be asked.
   */
  stream(delta: string, channel?: StreamChannel): void | Promise<void>;
  /** Books what was really used and tells the detectors. Without usage the hold is booked, marked as estimated. */
  end(result?: StepResult, usage?: UsageReport): Promise<void>;
  /** Books what a failed call cost: what is told, else by the error and by what had streamed. */
  fail(error: unknown, usage?: UsageReport): Promise<void>;
  /** Gives the hold back: nothing was sent. */
  release(): Promise<void>;
  /**
   * Runs `fn` with this step around it: a door inside that meters the same call joins it. `mark` is for doors: those inside find
   * it as `guard.current()?.mark`.
   */
  within<T>(fn: () => T, mark?: unknown): T;
}

/** What the work of a step gives back. */
export interface Work<T> {
  readonly output: T;
  readonly usage?: UsageReport | undefined;
  /** What detectors should know beyond the output: text, tool calls, errors. */
  readonly result?: Omit<StepResult, 'output'> | undefined;
}
