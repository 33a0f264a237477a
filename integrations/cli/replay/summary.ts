import { formatUsd } from 'holdfast';
import { savedSteps, type ReplayedRun } from './replay-run.ts';
import type { Style } from '../style.ts';
import { counted, shortCount } from './short-count.ts';

/** What is counted over all runs, for one preset. */
export interface Tally {
  runs: number;
  steps: number;
  warned: number;
  haltedAsLoop: number;
  haltedByBudget: number;
  savedSteps: number;
  totalTokens: number | null;
  savedTokens: number | null;
  totalUsd: number | null;
  savedUsd: number | null;
  isEstimated: boolean;
  /** Runs whose verdicts were read, not made. */
  asRecorded: number;
  readonly kinds: Map<string, number>;
}

export const emptyTally = (): Tally => ({
  runs: 0,
  steps: 0,
  warned: 0,
  haltedAsLoop: 0,
  haltedByBudget: 0,
  savedSteps: 0,
  totalTokens: null,
  savedTokens: null,
  totalUsd: null,
  savedUsd: null,
  isEstimated: false,
  asRecorded: 0,
  kinds: new Map(),
});

/** Sums know only the runs whose figures are known. */
const plusKnown = (sum: number | null, value: number | null): number | null => (value === null ? sum : (sum ?? 0) + value);

export function count(tally: Tally, replayed: ReplayedRun): void {
  const { run, cause, verdicts, tokens, usd, isEstimated } = replayed;
  tally.runs++;
  tally.steps += run.steps.length;
  if (verdicts.length > 0) tally.warned++;
  if (cause === 'loop') tally.haltedAsLoop++;
  if (cause === 'budget') tally.haltedByBudget++;
  tally.savedSteps += savedSteps(replayed);
  tally.totalTokens = plusKnown(tally.totalTokens, tokens.total);
  tally.savedTokens = plusKnown(tally.savedTokens, tokens.saved);
  tally.totalUsd = plusKnown(tally.totalUsd, usd.total);
  tally.savedUsd = plusKnown(tally.savedUsd, usd.saved);
  tally.isEstimated ||= isEstimated;
  if (run.asRecorded !== undefined) tally.asRecorded++;
  const kind = verdicts.find(({ level }) => level === 'halt')?.kind ?? verdicts[0]?.kind;
  if (kind !== undefined) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
}

const known = (figure: number | null, format: (figure: number) => string): string => (figure === null ? '-' : format(figure));

const recordedNote = (runs: number): string =>
  `${counted(runs, 'run')} from an audit log: verdicts as recorded, the same under every preset`;

/** The table at the end: what each preset would have done. `chosen` is the one that the timelines show. */
export function summary(tallies: ReadonlyMap<string, Tally>, chosen: string, style: Style): string {
  const first = tallies.get(chosen) ?? emptyTally();
  const about = first.isEstimated ? '~' : '';
  const rows = [...tallies].map(([preset, tally]) => [
    preset === chosen ? `${preset} *` : preset,
    String(tally.warned),
    String(tally.haltedAsLoop),
    String(tally.haltedByBudget),
    String(tally.savedSteps),
    known(tally.savedTokens, (tokens) => about + shortCount(tokens)),
    known(tally.savedUsd, (usd) => about + formatUsd(usd)),
  ]);
  const heads = ['preset', 'runs with a verdict', 'halted as a loop', 'by budget', 'steps saved', 'tokens saved', 'USD saved'];
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ');
  const total = [
    counted(first.runs, 'run'),
    counted(first.steps, 'step'),
    known(first.totalTokens, (tokens) => `${about}${shortCount(tokens)} tokens`),
    known(first.totalUsd, (usd) => `${about}${formatUsd(usd)}`),
  ];
  const kinds = [...first.kinds].toSorted((a, b) => b[1] - a[1]).map(([kind, runs]) => `${kind} ${runs}`);
  return [
    style.bold(total.filter((part) => part !== '-').join(', ')),
    '',
    style.dim(line(heads)),
    ...rows.map((row) => line(row)),
    ...(kinds.length === 0 ? [] : ['', `loops by kind: ${kinds.join(', ')}`]),
    ...(first.asRecorded === 0 ? [] : [style.dim(recordedNote(first.asRecorded))]),
    ...(first.isEstimated ? [style.dim('~ estimated from lengths, at four characters a token, or by the guard that wrote the log')] : []),
    '',
  ].join('\n');
}
