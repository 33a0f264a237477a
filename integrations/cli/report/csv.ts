import type { ReportKey, SpendRow } from 'holdfast';

const figures = [
  'runs',
  'modelCalls',
  'toolCalls',
  'inputTokens',
  'cachedInputTokens',
  'outputTokens',
  'reasoningTokens',
  'nanoUsd',
  'overageNanoUsd',
  'estimatedSteps',
  'unpricedCalls',
  'halts',
  'loops',
] as const;

/** A report as CSV (RFC 4180). A value that a spreadsheet would take for a formula is put in as text. */
export function reportCsv(by: readonly ReportKey[], rows: readonly SpendRow[]): string {
  const lines = [[...by, ...figures], ...rows.map((row) => [...row.keys.map(asText), ...figures.map((figure) => String(row[figure]))])];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

const asText = (value: string): string => (/^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
const quoted = (value: string): string => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** A row as JSON: its keys by name, money also in dollars. */
export const reportJson = (by: readonly ReportKey[], row: SpendRow): Record<string, unknown> => ({
  ...Object.fromEntries(by.map((key, index) => [key, row.keys[index]])),
  ...Object.fromEntries(figures.map((figure) => [figure, row[figure]])),
  usd: row.nanoUsd / 1e9,
});
