import type { VerdictEvidence } from '../core/verdict.ts';
import type { Prints } from './prints.ts';

const STEPS_MAX = 64;
const TEXT_MAX = 240;

/** The newest calls and results, cut to a bound, for `verdict.evidence()`. They are not saved and never leave the process by themselves. */
export function evidenceKeeper() {
  const kept: VerdictEvidence[] = [];
  return {
    keep({ step, argsText, resultText }: Prints): void {
      kept.push({ step: step.index, name: step.name, args: cut(argsText), output: cut(resultText) });
      if (kept.length > STEPS_MAX) kept.shift();
    },
    of: (steps: readonly number[]): readonly VerdictEvidence[] => kept.filter(({ step }) => steps.includes(step)),
  };
}

/** A short text of its own: a mere slice would keep the whole in memory. */
const cut = (text: string): string =>
  text.length <= TEXT_MAX ? text : `${Buffer.from(text.slice(0, TEXT_MAX), 'utf8').toString('utf8')}… (${text.length} characters)`;
