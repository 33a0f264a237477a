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
  /** The loop's steps, oldest first, the newest 64. */
  readonly steps: readonly number[];
  /** Names, counts, sizes; never content. */
  readonly reason: string;
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

export const withStep = (steps: readonly number[], step: number): number[] => [...steps, step].slice(-STEPS_LISTED);

/** Repeats of this step are expected: it waits, it is a declared poll, or its policy allows so many. */
export const isExpected = ({ nature, policy }: Prints, count: number): boolean =>
  nature.isWait || (policy?.poll !== undefined && policy.poll !== false) || count <= (policy?.maxRepeats ?? 0);
