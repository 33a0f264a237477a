import type { Prints } from './prints.ts';
import type { Moment } from './track.ts';

/** What a built-in detector sees. The score is in futile rounds: 3 is three times in vain with nothing to excuse it. */
export interface Suspicion {
  readonly kind: string;
  /** Names this loop, whichever lap it is seen in. */
  readonly identity: number;
  readonly score: number;
  /** Rounds in one lap; null where there is no fixed period. */
  readonly period: number | null;
  readonly laps: number;
  readonly firstStep: number;
  /** The loop's steps, oldest first, the newest 64. The detector's own list: copied where the suspicion is told. */
  readonly steps: readonly number[];
  /** Names, counts, sizes; never content. Asked only of a suspicion that is told. */
  readonly reason: () => string;
  readonly clearedBy: string;
}

/** A built-in detector. Work per step and memory are bounded; `save` gives JSON-safe data that `restored` takes back. */
export interface LoopDetector {
  readonly name: string;
  observe(prints: Prints, moment: Moment): Suspicion | undefined;
  save(): unknown;
}

/** How many steps a suspicion lists. */
const STEPS_LISTED = 64;

/** Adds a step to a list of the newest. */
export function addStep(steps: number[], step: number): void {
  steps.push(step);
  if (steps.length > STEPS_LISTED) steps.shift();
}

/** Repeats of this step are expected: it waits, it is a declared poll, or its policy allows so many. */
export const isExpected = ({ nature, policy }: Prints, count: number): boolean =>
  nature.isWait || (policy?.poll !== undefined && policy.poll !== false) || count <= (policy?.maxRepeats ?? 0);
