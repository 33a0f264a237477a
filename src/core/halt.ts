import type { Dimension } from './amounts.ts';
import type { Verdict } from './verdict.ts';

/** Why a run was stopped. */
export type HaltCause = 'budget' | 'loop' | 'deadline' | 'store' | 'price' | 'person' | 'input';

/** The account that said no, in public units: `usd` in dollars, everything else as counts. */
export interface DenialFacts {
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
  readonly dimension: Dimension | 'duration';
  readonly limit: number;
  readonly used: number;
  readonly held: number;
  readonly asked: number;
  /** When to come back, in milliseconds since the epoch; null where waiting does not help. */
  readonly resetsAt: number | null;
}

/** A model call's input that is too large, in tokens as they were counted: the safe side. No content. */
export interface InputExcess {
  readonly tokens: number;
  readonly maxTokens: number;
  /** The feature that the run works for, if it has one. */
  readonly feature: string | undefined;
}

/** The fact of stopping. */
export interface Halt {
  readonly cause: HaltCause;
  readonly runId: string;
  /** Number of the step that was refused or that gave rise to the halt, from 0. */
  readonly step: number;
  /** One sentence for people: names, counts and amounts; never content. */
  readonly reason: string;
  /** When, in milliseconds since the epoch. */
  readonly at: number;
  /** For the causes `budget` and `deadline`. */
  readonly denial?: DenialFacts;
  /** For the cause `loop`. */
  readonly verdict?: Verdict;
  /** For the cause `input`. */
  readonly input?: InputExcess;
}
