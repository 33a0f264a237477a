import { plus, zero, type Amounts } from '../core/amounts.ts';
import type { Intervention, NameTotals } from '../core/report.ts';
import type { Usage } from '../core/usage.ts';
import { NANO_PER_USD } from '../core/money.ts';
import type { Verdict } from '../core/verdict.ts';
import type { ModelPrice } from '../meter/meter.ts';
import { createHistory, type HistoryTotals } from './history-totals.ts';

/** What a finished step adds to the totals of its run and of the runs around it. */
export interface StepTotals {
  readonly kind: 'model' | 'tool';
  readonly name: string;
  readonly calls: number;
  readonly used: Amounts;
  readonly held: Amounts;
  readonly overage: Amounts;
  readonly expected: { readonly inputTokens: number; readonly outputTokens: number; readonly nanoUsd: number };
  readonly usage: Usage | undefined;
  readonly isEstimated: boolean;
  readonly isUnpriced: boolean;
  /** The price of its model, if it has one. */
  readonly price: ModelPrice | undefined;
}

/** The sums of a run as they grow. */
export interface Totals {
  used: Amounts;
  held: Amounts;
  overage: Amounts;
  expected: { inputTokens: number; outputTokens: number; nanoUsd: number };
  usage: Usage;
  estimatedSteps: number;
  unpricedCalls: number;
  /** Of the run's own model calls alone. */
  readonly history: HistoryTotals;
  readonly models: Map<string, NameTotals>;
  readonly tools: Map<string, NameTotals>;
  readonly verdicts: Verdict[];
  readonly interventions: Intervention[];
}

const NAMES_MAX = 64;
const LISTED_MAX = 64;

export const noUsage: Usage = Object.freeze({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
});

/** A usage without a cache. */
export const plainUsage = (inputTokens: number, outputTokens: number, reasoningTokens = 0): Usage => ({
  inputTokens,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens,
  reasoningTokens,
});

export const createTotals = (): Totals => ({
  used: zero,
  held: zero,
  overage: zero,
  expected: { inputTokens: 0, outputTokens: 0, nanoUsd: 0 },
  usage: noUsage,
  estimatedSteps: 0,
  unpricedCalls: 0,
  history: createHistory(),
  models: new Map(),
  tools: new Map(),
  verdicts: [],
  interventions: [],
});

/** Adds a finished step. */
export function addStep(totals: Totals, step: StepTotals): void {
  totals.used = plus(totals.used, step.used);
  totals.held = plus(totals.held, step.held);
  totals.overage = plus(totals.overage, step.overage);
  totals.expected.inputTokens += step.expected.inputTokens;
  totals.expected.outputTokens += step.expected.outputTokens;
  totals.expected.nanoUsd += step.expected.nanoUsd;
  if (step.usage) totals.usage = plusUsage(totals.usage, step.usage);
  if (step.isEstimated) totals.estimatedSteps += 1;
  if (step.isUnpriced) totals.unpricedCalls += step.calls;
  const names = step.kind === 'model' ? totals.models : totals.tools;
  const name = names.has(step.name) || names.size < NAMES_MAX ? step.name : '_other';
  const known = names.get(name) ?? { calls: 0, usage: noUsage, usd: 0 };
  names.set(name, {
    calls: known.calls + step.calls,
    usage: step.usage ? plusUsage(known.usage, step.usage) : known.usage,
    usd: known.usd + step.used.usd / NANO_PER_USD,
  });
}

/** Keeps the newest of a list. */
export function keepNewest<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > LISTED_MAX) list.shift();
}

/** Adds two usages. */
export const plusUsage = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
});
