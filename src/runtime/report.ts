import { publicAmounts } from '../core/budget.ts';
import type { Halt } from '../core/halt.ts';
import { toUsd } from '../core/money.ts';
import type { RunReport } from '../core/report.ts';
import type { RunInfo } from './events.ts';
import { historyCost } from './history-totals.ts';
import type { Totals } from './totals.ts';

/** The report of a run as it stands: a copy that later steps do not change. */
export function reportOf(parts: {
  info: RunInfo;
  totals: Totals;
  endedAt: number | null;
  durationMs: number;
  halt: Halt | undefined;
}): RunReport {
  const { info, totals, endedAt, durationMs, halt } = parts;
  const { inputTokens, outputTokens, nanoUsd } = totals.expected;
  return {
    runId: info.id,
    parentId: info.parentId,
    agent: info.agent,
    tenant: info.tenant,
    scopes: info.scopes,
    startedAt: info.startedAt,
    endedAt,
    durationMs,
    used: publicAmounts(totals.used),
    held: publicAmounts(totals.held),
    expected: { inputTokens, outputTokens, usd: toUsd(nanoUsd) },
    overage: publicAmounts(totals.overage),
    usage: totals.usage,
    history: historyCost(totals.history),
    estimatedSteps: totals.estimatedSteps,
    unpricedCalls: totals.unpricedCalls,
    models: Object.fromEntries(totals.models),
    tools: Object.fromEntries(totals.tools),
    verdicts: [...totals.verdicts],
    interventions: [...totals.interventions],
    halt,
  };
}
