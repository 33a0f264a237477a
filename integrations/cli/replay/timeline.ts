import { formatUsd } from 'holdfast';
import { savedSteps, type ReplayedRun } from './replay-run.ts';
import { printable, type Style } from '../style.ts';
import { counted, shortCount } from './short-count.ts';

const LAP_MARKS = '0123456789';

/**
 * One run for the terminal: its steps as a strip (a lap's steps carry the lap's last digit, `w` a warning, `H` the halt),
 * then what was said and why.
 */
export function timeline(replayed: ReplayedRun, style: Style, columns: number): string {
  const { run, haltedAt, verdicts } = replayed;
  const lines = [`${mark(replayed, style)} ${style.bold(printable(run.id))}  ${outcome(replayed)}`];
  const strip = stripOf(replayed);
  const width = Math.max(20, columns - 10);
  for (let from = 0; from < strip.length; from += width) {
    lines.push(`${style.dim(String(from).padStart(7))}  ${coloured(strip.slice(from, from + width), style)}`);
  }
  for (const verdict of verdicts.filter(({ step }) => haltedAt === null || step <= haltedAt)) {
    const level = verdict.level === 'halt' ? style.bad('halt') : style.warn('warn');
    lines.push(`   ${String(verdict.step).padStart(4)}  ${level}  ${verdict.kind}: ${printable(verdict.reason)}`);
  }
  return `${lines.join('\n')}\n`;
}

const mark = ({ cause, verdicts }: ReplayedRun, style: Style): string =>
  cause !== null ? style.bad('✖') : verdicts.length > 0 ? style.warn('▲') : style.good('✔');

function outcome(replayed: ReplayedRun): string {
  const { run, haltedAt, cause, dimension, tokens, usd, isEstimated } = replayed;
  const steps = counted(run.steps.length, 'step');
  if (haltedAt === null) return `${steps}, not halted`;
  const why = cause === 'budget' ? `by its budget (${dimension ?? 'steps'})` : 'as a loop';
  const saved = [
    counted(savedSteps(replayed), 'step'),
    ...(tokens.saved === null ? [] : [`${isEstimated ? '~' : ''}${shortCount(tokens.saved)} tokens`]),
    ...(usd.saved === null ? [] : [`${isEstimated ? '~' : ''}${formatUsd(usd.saved)}`]),
  ];
  return `${steps}, halted at ${haltedAt} ${why}; saved ${saved.join(', ')}`;
}

function stripOf({ run, haltedAt, verdicts }: ReplayedRun): string {
  const marks: string[] = run.steps.map(({ kind }) => (kind === 'model' ? '-' : '·'));
  const seen = verdicts.filter(({ step }) => haltedAt === null || step <= haltedAt);
  for (const { steps, period } of seen) {
    for (const [place, step] of steps.entries()) {
      if (step < marks.length) marks[step] = LAP_MARKS[(Math.floor(place / Math.max(1, period ?? 1)) + 1) % 10] ?? '·';
    }
  }
  for (const { step, level } of seen) if (level === 'warn' && step < marks.length) marks[step] = 'w';
  if (haltedAt !== null) marks[haltedAt] = 'H';
  return marks.join('');
}

const coloured = (strip: string, style: Style): string =>
  strip
    .replace(/[wH]/g, (letter) => (letter === 'H' ? style.bad(letter) : style.warn(letter)))
    .replace(/[·-]+/g, (calm) => style.dim(calm));
