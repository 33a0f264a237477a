import type { PublicAmounts } from './budget.ts';
import type { Halt } from './halt.ts';
import type { Usage } from './usage.ts';
import type { Verdict } from './verdict.ts';

/** What one model or one tool did in a run. */
export interface NameTotals {
  /** Calls that were made, retries inside a step included. */
  readonly calls: number;
  /** All zero for tools. */
  readonly usage: Usage;
  /** In dollars. */
  readonly usd: number;
}

/** Something that the guard did to a run besides counting: a rung that was climbed. */
export interface Intervention {
  readonly step: number;
  readonly rung: string;
  readonly pressure: 'spend' | 'loop';
  readonly detail: string;
  /** Set where the ladder is a shadow: it was not done, only noted. */
  readonly isShadow?: boolean;
}

/**
 * What a run did and what it cost, with that of the runs inside it. Names, numbers and times; never content.
 *
 * @example
 * const report = run.report();
 * console.log(`${report.used.steps} steps, $${report.used.usd}`);
 */
export interface RunReport {
  readonly runId: string;
  readonly parentId: string | undefined;
  readonly agent: string | undefined;
  readonly tenant: string;
  /** For whom the run worked, by scope. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Null while the run is going on. */
  readonly endedAt: number | null;
  /** How long it took, pauses left out. */
  readonly durationMs: number;
  /** What was used, by dimension. */
  readonly used: PublicAmounts;
  /** What was held for it before each step; beside `used` it shows how good the estimates were. */
  readonly held: PublicAmounts;
  /** What was expected before each step ran: likely input, likely output, likely cost. */
  readonly expected: { readonly inputTokens: number; readonly outputTokens: number; readonly usd: number };
  /** What was used above the holds. */
  readonly overage: PublicAmounts;
  /** All model usage, summed. */
  readonly usage: Usage;
  /** Steps whose usage the host did not report: what was held or counted was booked. */
  readonly estimatedSteps: number;
  /** Model calls without a known price; they count as 0 dollars. */
  readonly unpricedCalls: number;
  /** By name, the 64 first; the rest is under `_other`. */
  readonly models: Readonly<Record<string, NameTotals>>;
  readonly tools: Readonly<Record<string, NameTotals>>;
  /** The newest 64. */
  readonly verdicts: readonly Verdict[];
  /** The newest 64. */
  readonly interventions: readonly Intervention[];
  readonly halt: Halt | undefined;
}
