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

/** One model call and what of it was history. */
export interface HistoryTurn {
  /** Number of the model call in its run, from 0. */
  readonly turn: number;
  readonly inputTokens: number;
  /** Input that had been sent before: the input and output of the turn before it. 0 where a conversation begins, or was shortened. */
  readonly carriedTokens: number;
  /** What the turn cost, in dollars. */
  readonly usd: number;
  /** What sending the history again cost, in dollars: the turn's cost less what it would have been without. */
  readonly carriedUsd: number;
}

/**
 * What a growing history costs per turn: of the run's own model calls whose usage is known. Runs inside it have conversations,
 * and reports, of their own.
 *
 * @example
 * const { share, freshTokensPerTurn, carriedUsd } = run.report().history;
 * if (share > 0.8) console.log(`$${carriedUsd} for what was sent before; each turn adds ${freshTokensPerTurn} tokens`);
 */
export interface HistoryCost {
  /** Model calls. */
  readonly turns: number;
  /** Input of all of them, in tokens. */
  readonly inputTokens: number;
  /** Of it, what had been sent before. */
  readonly carriedTokens: number;
  /** `carriedTokens / inputTokens`, 0 to 1. */
  readonly share: number;
  /** By how much the input grows from turn to turn beyond the model's own words, on average, in tokens: new questions, tool results. */
  readonly freshTokensPerTurn: number;
  /** What sending history again cost, in dollars. */
  readonly carriedUsd: number;
  /** The newest 32 turns. */
  readonly newest: readonly HistoryTurn[];
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
  /** What its growing history cost. */
  readonly history: HistoryCost;
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
