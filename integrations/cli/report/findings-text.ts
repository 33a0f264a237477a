import { costPatterns, formatUsd, type CostPattern, type Finding } from 'holdfast';
import { printable, type Style } from '../style.ts';

const titles: Readonly<Record<CostPattern, string>> = {
  'context-abuse': 'Context abuse',
  'agent-loops': 'Agent loops',
  'verbose-defaults': 'Verbose defaults',
  'feature-sprawl': 'Feature sprawl',
  'history-bloat': 'History bloat',
};

/** The findings by pattern, each with its cost, its place and what to do. All five patterns are named, found or not. */
export function findingsText(findings: readonly Finding[], totalNanoUsd: number, style: Style): string {
  const lines = costPatterns.flatMap((pattern) => {
    const found = findings.filter((finding) => finding.pattern === pattern);
    if (found.length === 0) return [`${style.bold(titles[pattern])}  ${style.good('nothing found')}`, ''];
    return [style.bold(titles[pattern]), ...found.flatMap((finding) => one(finding, totalNanoUsd, style)), ''];
  });
  return [...lines, style.dim('Costs of different patterns may overlap: do not add them up.'), ''].join('\n');
}

function one({ where, what, nanoUsd, remedy }: Finding, totalNanoUsd: number, style: Style): string[] {
  const share = totalNanoUsd > 0 && nanoUsd > 0 ? ` (${((nanoUsd / totalNanoUsd) * 100).toFixed(1)} %)` : '';
  const place = Object.entries(where).map(([key, value]) => `${key} ${value === '' ? '(none)' : printable(value)}`);
  return [`  ${style.warn(`${formatUsd(nanoUsd / 1e9)}${share}`)}  ${what}`, `      ${style.dim(place.join(', '))}`, `      → ${remedy}`];
}
