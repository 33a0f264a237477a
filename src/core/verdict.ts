/**
 * What a detector says of a run, as data that can be checked by hand from the steps it names.
 * It carries names, counts and hashes only; `evidence()` shows the content, in process and on demand.
 */
export interface Verdict {
  readonly level: 'warn' | 'halt';
  /** What kind of loop: `repeat`, `cycle`, `same-outcome`, `error-storm`, … */
  readonly kind: string;
  /** The detectors that saw it, strongest first. */
  readonly detectors: readonly string[];
  /** The step at which it was said. */
  readonly step: number;
  /** The first step of the loop. */
  readonly firstStep: number;
  /** Rounds in one lap; 1 for a plain repeat; null where there is no fixed period. */
  readonly period: number | null;
  /** How often it went round. */
  readonly laps: number;
  /** The steps that make up the loop, oldest first, bounded (the newest 64). */
  readonly steps: readonly number[];
  /** Stable name of this loop, whichever lap it is seen in. */
  readonly identity: string;
  /** One sentence for people: tool names, counts, sizes, hashes; never content. */
  readonly reason: string;
  /** What the laps after the first cost. `nanoUsd` is null where no price is known. */
  readonly waste: { readonly steps: number; readonly tokens: number | null; readonly nanoUsd: number | null };
  /** 0..1. */
  readonly confidence: number;
  /** What would have cleared it, for people. */
  readonly clearedBy: string;
  /** The repeated calls and results themselves. Never leaves the process by itself. */
  readonly evidence: () => readonly VerdictEvidence[];
}

/** One repeated call with its result. */
export interface VerdictEvidence {
  readonly step: number;
  readonly name: string;
  readonly args: unknown;
  readonly output: unknown;
}
