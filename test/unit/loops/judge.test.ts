import { describe, expect, test } from 'vitest';
import type { StepRecord } from '../../../src/core/step.ts';
import { createLoopJudge } from '../../../src/loops/judge.ts';

const toolStep = (index: number, name: string, args: unknown, output: unknown, more: Partial<StepRecord> = {}): StepRecord => ({
  runId: 'run',
  index,
  round: index,
  kind: 'tool',
  name,
  args,
  output,
  tokens: null,
  nanoUsd: null,
  startedAt: index,
  endedAt: index,
  ...more,
});

describe('the loop judge', () => {
  test('warns at the third identical call and halts at the fifth', () => {
    const judge = createLoopJudge();
    const levels = [0, 1, 2, 3, 4].map((index) => judge.observe(toolStep(index, 'read', { a: 1 }, 'same'))?.level);
    expect(levels).toEqual([undefined, undefined, 'warn', undefined, 'halt']);
  });

  test('names a cycle with its period and laps', () => {
    const judge = createLoopJudge();
    const verdicts = Array.from({ length: 12 }, (_, index) =>
      judge.observe(toolStep(index, `tool-${index % 3}`, {}, `result ${index % 3}`)),
    );
    const last = verdicts.findLast((verdict) => verdict !== undefined);
    expect(last).toMatchObject({ kind: 'cycle', period: 3 });
  });

  test('counts calls that were asked for at once as one', () => {
    const judge = createLoopJudge();
    const verdicts = Array.from({ length: 12 }, (_, index) => judge.observe(toolStep(index, 'read', { a: 1 }, 'same', { round: 0 })));
    expect(verdicts.every((verdict) => verdict === undefined)).toBe(true);
  });
});
