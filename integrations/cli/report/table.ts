import { formatUsd, type ReportKey, type SpendRow } from 'holdfast';
import { printable, type Style } from '../style.ts';

const whole = (value: number): string => value.toLocaleString('en-US');

/** The columns of the table that people read. A column in which everything is 0 is left out, but for the total: no run is of one model. */
const columns: readonly { readonly head: string; readonly value: (row: SpendRow) => number; readonly text: (value: number) => string }[] = [
  { head: 'runs', value: ({ runs }) => runs, text: whole },
  { head: 'calls', value: ({ modelCalls }) => modelCalls, text: whole },
  { head: 'tools', value: ({ toolCalls }) => toolCalls, text: whole },
  { head: 'input', value: ({ inputTokens }) => inputTokens, text: whole },
  { head: 'cached', value: ({ cachedInputTokens }) => cachedInputTokens, text: whole },
  { head: 'output', value: ({ outputTokens }) => outputTokens, text: whole },
  { head: 'reasoning', value: ({ reasoningTokens }) => reasoningTokens, text: whole },
  { head: 'halts', value: ({ halts }) => halts, text: whole },
  { head: 'loops', value: ({ loops }) => loops, text: whole },
  { head: 'unpriced', value: ({ unpricedCalls }) => unpricedCalls, text: whole },
  { head: 'USD', value: ({ nanoUsd }) => nanoUsd / 1e9, text: (usd) => formatUsd(usd).slice(1) },
];

/** Rows with the total below them, in columns as wide as they need to be. */
export function reportTable(by: readonly ReportKey[], rows: readonly SpendRow[], total: SpendRow, hidden: number, style: Style): string {
  const shown = columns.filter(({ head, value }) => head === 'USD' || (rows.length > 0 ? rows : [total]).some((row) => value(row) !== 0));
  const lineOf = (keys: readonly string[], row: SpendRow): string[] => [...keys, ...shown.map(({ value, text }) => text(value(row)))];
  const named = (key: string): string => (key === '' ? '(none)' : printable(key));
  const heads = [...by, ...shown.map(({ head }) => head)];
  const body = rows.map((row) => lineOf(row.keys.map(named), row));
  const foot = lineOf(
    by.map((_, index) => (index === 0 ? 'total' : '')),
    total,
  );
  const widths = heads.map((head, column) => Math.max(head.length, ...[...body, foot].map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < by.length ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    style.dim(line(heads)),
    ...body.map(line),
    ...(hidden > 0 ? [style.dim(`… and ${whole(hidden)} more`)] : []),
    style.bold(line(foot)),
    '',
  ].join('\n');
}
