import type { StepRecord } from '../../src/core/step.ts';
import type { LoopOptions } from '../../src/loops/options.ts';
import { createLoopJudge } from '../../src/loops/judge.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import { recordsOf, type ScriptStep } from '../../src/testing/loop-cases/script.ts';

export { call, fail, freshText, say, times } from '../../src/testing/loop-cases/script.ts';

/** Plays steps to a new judge: one place per step, the verdict or undefined. */
export function judged(steps: readonly ScriptStep[], options: LoopOptions = {}): readonly (Verdict | undefined)[] {
  const judge = createLoopJudge(options);
  return recordsOf(steps).map((record) => judge.observe(record));
}

/** The levels alone. */
export const levels = (steps: readonly ScriptStep[], options: LoopOptions = {}): readonly (Verdict['level'] | undefined)[] =>
  judged(steps, options).map((verdict) => verdict?.level);

/** What of a verdict must not depend on ids and clocks. */
export const gist = (verdict: Verdict | undefined) =>
  verdict && {
    level: verdict.level,
    kind: verdict.kind,
    step: verdict.step,
    firstStep: verdict.firstStep,
    period: verdict.period,
    laps: verdict.laps,
    steps: verdict.steps,
  };

export const recordOf = (step: ScriptStep, index = 0): StepRecord => {
  const [record] = recordsOf([step]);
  if (record === undefined) throw new Error('no step');
  return { ...record, index, round: index };
};
