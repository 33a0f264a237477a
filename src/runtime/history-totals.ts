import { carriedFrom } from '../core/history.ts';
import { toUsd } from '../core/money.ts';
import type { HistoryCost, HistoryTurn } from '../core/report.ts';
import type { Usage } from '../core/usage.ts';
import type { ModelPrice } from '../meter/meter.ts';
import { costOfPart } from '../meter/prices/part-cost.ts';

/** What a run's own model calls sent again, as it grows. Plain data. */
export interface HistoryTotals {
  turns: number;
  /** Turns that went on where the one before had stopped. */
  laterTurns: number;
  inputTokens: number;
  carriedTokens: number;
  /** What was new in the turns that went on. */
  freshTokens: number;
  carriedNano: number;
  before: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
  newest: HistoryTurn[];
}

/** A model call that was billed. */
export interface BilledTurn {
  readonly usage: Usage;
  readonly nanoUsd: number;
  readonly price: ModelPrice | undefined;
}

const NEWEST = 32;

export const createHistory = (): HistoryTotals => ({
  turns: 0,
  laterTurns: 0,
  inputTokens: 0,
  carriedTokens: 0,
  freshTokens: 0,
  carriedNano: 0,
  before: undefined,
  newest: [],
});

/** Adds a model call. */
export function addTurn(history: HistoryTotals, { usage, nanoUsd, price }: BilledTurn): void {
  const { inputTokens, outputTokens } = usage;
  const carried = carriedFrom(history.before, inputTokens);
  const carriedTokens = carried ?? 0;
  const carriedNano = carriedTokens === 0 ? 0 : costOfPart(price, usage, nanoUsd, { inputTokens: carriedTokens });
  history.newest.push({ turn: history.turns, inputTokens, carriedTokens, usd: toUsd(nanoUsd), carriedUsd: toUsd(carriedNano) });
  if (history.newest.length > NEWEST) history.newest.shift();
  history.turns += 1;
  history.inputTokens += inputTokens;
  history.carriedTokens += carriedTokens;
  history.carriedNano += carriedNano;
  if (carried !== undefined) {
    history.laterTurns += 1;
    history.freshTokens += inputTokens - carried;
  }
  history.before = { inputTokens, outputTokens };
}

/** As the report has it. */
export const historyCost = ({
  turns,
  laterTurns,
  inputTokens,
  carriedTokens,
  freshTokens,
  carriedNano,
  newest,
}: HistoryTotals): HistoryCost => ({
  turns,
  inputTokens,
  carriedTokens,
  share: inputTokens === 0 ? 0 : carriedTokens / inputTokens,
  freshTokensPerTurn: laterTurns === 0 ? 0 : Math.round(freshTokens / laterTurns),
  carriedUsd: toUsd(carriedNano),
  newest: [...newest],
});
