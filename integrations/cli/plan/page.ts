import { formatUsd } from 'holdfast';
import { printable, type Style } from '../style.ts';
import type { Plan } from './plan.ts';

const count = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 }) : 'no bound';

/** Thousands are set apart: a month's figure is read aloud. */
const dollars = (usd: number): string =>
  usd < 0 ? `-${dollars(-usd)}` : usd < 1_000 ? formatUsd(usd) : usd.toLocaleString('en-US', { style: 'currency', currency: 'USD' });

type Row = readonly string[];

/** The page's tables, as rows that both forms share. */
function sections(plan: Plan): { readonly title: string; readonly heads: Row; readonly rows: readonly Row[] }[] {
  const { usdPerInteraction, interactionsPerUserDay, usdPerUserDay, monthUsd, allowed, savings, budgetUsd, users, daysAMonth } = plan;
  const usd = ({ mean, p50, p95 }: Plan['monthUsd']): [string, string, string] => [dollars(mean), dollars(p50), dollars(p95)];
  return [
    {
      title: 'What it costs',
      heads: ['', 'mean', 'p50', 'p95'],
      rows: [
        ['one interaction', ...usd(usdPerInteraction)],
        [
          'interactions of a user and day',
          count(interactionsPerUserDay.mean),
          count(interactionsPerUserDay.p50),
          count(interactionsPerUserDay.p95),
        ],
        ['one user and day', ...usd(usdPerUserDay)],
        [`${count(users)} users, ${count(daysAMonth)} days`, ...usd(monthUsd)],
      ],
    },
    {
      title: `What a budget of ${dollars(budgetUsd)} per user and day allows`,
      heads: ['', 'mean', 'p50', 'p95'],
      rows: [
        ['interactions of that cost', count(allowed.mean), count(allowed.p50), count(allowed.p95)],
        ['the month at most', dollars(plan.monthAtMostUsd), '', ''],
      ],
    },
    {
      title: 'What would save',
      heads: ['', 'an interaction', 'share', 'a month'],
      rows: savings.map(({ what, usdPerInteraction: saved, share, usdAMonth }): Row => [
        printable(what),
        dollars(saved),
        `${(share * 100).toFixed(0)} %`,
        dollars(usdAMonth),
      ]),
    },
  ].filter(({ rows }) => rows.length > 0);
}

const basis = ({ model, interaction }: Plan): string =>
  `An interaction is ${count(interaction.modelCalls)} model calls, ${count(interaction.inputTokens)} input and ${count(interaction.outputTokens)} output tokens, on ${printable(model)}.`;

/** The page for a terminal. */
export function planTable(plan: Plan, style: Style): string {
  const blocks = sections(plan).map(({ title, heads, rows }) => {
    const all = [heads, ...rows];
    const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
    const line = (row: Row): string =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd();
    return [style.bold(title), style.dim(line(heads)), ...rows.map(line), ''].join('\n');
  });
  return [basis(plan), '', ...blocks].join('\n');
}

const cell = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('|', '\\|');

/** The page in Markdown, for a document that finance keeps. */
export function planMarkdown(plan: Plan): string {
  const blocks = sections(plan).map(({ title, heads, rows }) => {
    const line = (row: Row): string => `| ${row.map(cell).join(' | ')} |`;
    return [
      `## ${title}`,
      '',
      line(heads),
      `|---|${heads
        .slice(1)
        .map(() => '---:|')
        .join('')}`,
      ...rows.map(line),
      '',
    ].join('\n');
  });
  return ['# Cost plan', '', basis(plan), '', ...blocks].join('\n');
}
