import type { AuditEntry, StepEndEntry } from '../log/entry.ts';
import { timeKey, timeUnits, type TimeUnit } from './time-key.ts';

/** What a report can be split by: ids, the model (or tool) that was called, the agent, or time. Other names are scopes of one's own. */
export type ReportKey = 'user' | 'feature' | 'tenant' | 'session' | 'model' | 'agent' | TimeUnit | (string & {});

/** One row of a report. Money in nano-dollars; sums of integers are exact. */
export interface SpendRow {
  /** The values of the keys, in their order; `''` where a run had no such id. */
  readonly keys: readonly string[];
  /** Runs that began. 0 in reports by model, where a run belongs to no row. */
  runs: number;
  modelCalls: number;
  toolCalls: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  nanoUsd: number;
  /** Used above the holds. */
  overageNanoUsd: number;
  /** Steps whose usage the host did not report. */
  estimatedSteps: number;
  /** Model calls without a known price. */
  unpricedCalls: number;
  halts: number;
  /** Halts because of a loop. */
  loops: number;
}

export interface SpendReportOptions {
  /** Default: none, one row for everything. */
  readonly by?: readonly ReportKey[] | undefined;
  /** IANA name of the time zone of days and hours. Default UTC. */
  readonly timeZone?: string | undefined;
  /** The most rows; what comes beyond it is summed up under `_other`. Default 100,000. */
  readonly most?: number | undefined;
}

/** A report that grows entry by entry, in memory that grows with its rows and not with the log. */
export interface SpendReport {
  readonly by: readonly ReportKey[];
  add(entry: AuditEntry): void;
  /** Largest spend first; rows by time alone in the order of time. */
  rows(): readonly SpendRow[];
  total(): SpendRow;
  /** Entries that the log says it lost: the sums are too small by them. */
  readonly lostEntries: number;
}

const isTime = (key: string): key is TimeUnit => (timeUnits as readonly string[]).includes(key);
const OTHER = '_other';

/**
 * Sums up an audit log.
 *
 * @throws InvalidOptionError for a time zone that does not exist
 * @example
 * const report = spendReport({ by: ['user', 'day'] });
 * for await (const entry of readAuditLog('audit.jsonl')) report.add(entry);
 */
export function spendReport({ by = [], timeZone = 'UTC', most = 100_000 }: SpendReportOptions = {}): SpendReport {
  const rows = new Map<string, SpendRow>();
  const total = emptyRow([]);
  const timeOf = timeKey(timeZone);
  const isByModel = by.includes('model');
  let lostEntries = 0;

  function rowOf(entry: Extract<AuditEntry, { scopes: unknown }>): SpendRow {
    const keys = by.map((key) => valueOf(key, entry));
    const name = JSON.stringify(keys);
    const known = rows.get(name);
    if (known) return known;
    const isFull = rows.size >= most;
    const shownKeys = isFull ? by.map(() => OTHER) : keys;
    const shownName = isFull ? OTHER : name;
    const row = rows.get(shownName) ?? emptyRow(shownKeys);
    rows.set(shownName, row);
    return row;
  }

  function valueOf(key: ReportKey, entry: Extract<AuditEntry, { scopes: unknown }>): string {
    if (isTime(key)) return timeOf(entry.at, key);
    if (key === 'tenant') return entry.tenant;
    if (key === 'model') return 'name' in entry ? entry.name : '';
    if (key === 'agent') return entry.agent ?? '';
    return entry.scopes[key] ?? '';
  }

  return {
    by,
    add(entry) {
      if (entry.event === 'log:gap') lostEntries += entry.entries;
      if (entry.event === 'run:start') {
        total.runs += 1;
        if (!isByModel) rowOf(entry).runs += 1;
      } else if (entry.event === 'run:halt') {
        for (const row of isByModel ? [total] : [total, rowOf(entry)]) {
          row.halts += 1;
          if (entry.cause === 'loop') row.loops += 1;
        }
      } else if (entry.event === 'step:end' && entry.outcome !== 'released') {
        addStep(total, entry);
        addStep(rowOf(entry), entry);
      }
    },
    rows() {
      const isByTimeAlone = by.length > 0 && by.every(isTime);
      const order = (a: SpendRow, b: SpendRow): number =>
        isByTimeAlone ? a.keys.join().localeCompare(b.keys.join()) : b.nanoUsd - a.nanoUsd || a.keys.join().localeCompare(b.keys.join());
      return [...rows.values()].sort(order);
    },
    total: () => total,
    get lostEntries() {
      return lostEntries;
    },
  };
}

function addStep(row: SpendRow, entry: StepEndEntry): void {
  const { used, usage, overage, isEstimated, isCached, kind, priceSource, attempts, outcome } = entry;
  row.modelCalls += used.modelCalls ?? 0;
  row.toolCalls += used.toolCalls ?? 0;
  row.inputTokens += used.inputTokens ?? 0;
  row.cachedInputTokens += usage?.cachedInputTokens ?? 0;
  row.outputTokens += used.outputTokens ?? 0;
  row.reasoningTokens += used.reasoningTokens ?? 0;
  row.nanoUsd += used.nanoUsd ?? 0;
  row.overageNanoUsd += overage.nanoUsd ?? 0;
  if (isEstimated) row.estimatedSteps += 1;
  if (kind === 'model' && priceSource === undefined && !isCached && outcome !== 'answered') row.unpricedCalls += attempts;
}

const emptyRow = (keys: readonly string[]): SpendRow => ({
  keys,
  runs: 0,
  modelCalls: 0,
  toolCalls: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  nanoUsd: 0,
  overageNanoUsd: 0,
  estimatedSteps: 0,
  unpricedCalls: 0,
  halts: 0,
  loops: 0,
});
