import type { StepRecord } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';

/**
 * Looks at the steps of one run tree, one at a time, and says what it thinks of them.
 * Work per step does not grow with the run; memory is bounded.
 */
export interface LoopJudge {
  /** Takes a finished step. Returns the verdict that this step gives rise to, if any; `halt` outranks `warn`. */
  observe(step: StepRecord): Verdict | undefined;
  /** Takes a piece of text or thinking while it streams. A verdict here means: cut the stream. */
  observeText(delta: string, channel: 'text' | 'thinking'): Verdict | undefined;
  /** The whole state as bounded, JSON-safe data, for a resume in another process. */
  save(): unknown;
}

/** The steps before the one that is looked at. Bounded: the newest 64. */
export interface StepHistory {
  /** The newest `count` steps, oldest first. */
  last(count: number): readonly StepRecord[];
}

/** What a detector of the user's says. */
export interface Sighting {
  readonly level: 'warn' | 'halt';
  /** One sentence for people: names, counts, sizes; no content, it goes to logs. */
  readonly reason: string;
  /** The first step of the loop. Default: the step that is looked at. */
  readonly firstStep?: number;
  /** How often it went round. Default 1. */
  readonly laps?: number;
  /** What would clear it, for people. */
  readonly clearedBy?: string;
}

/**
 * A detector of the user's own. It may throw: then it is reported and left out for the rest of the run.
 *
 * @example
 * const stuckOnTool: Detector = {
 *   name: 'stuck-on-tool',
 *   observe(step, history) {
 *     const recent = history.last(5);
 *     const stuck = recent.length === 5 && recent.every((past) => past.name === step.name);
 *     return stuck ? { level: 'warn', reason: `${step.name}, 6 times in a row` } : undefined;
 *   },
 * };
 */
export interface Detector {
  /** Its name: the verdict's `kind`. */
  readonly name: string;
  /** Looks at a finished step. Keep no state between calls: one detector serves many runs; `history` is this run's. */
  observe(step: StepRecord, history: StepHistory): Sighting | undefined;
}
