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
