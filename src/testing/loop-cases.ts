import type { LoopJudge } from '../loops/detector.ts';
import type { LoopOptions } from '../loops/options.ts';
import type { Verdict } from '../core/verdict.ts';
import { honestWork } from './loop-cases/honest-work.ts';
import { loops } from './loop-cases/loops.ts';
import { recordsOf, type LoopCase } from './loop-cases/script.ts';

export type { LoopCase, ScriptStep } from './loop-cases/script.ts';

/** Scripts of every kind of loop, and of honest work that looks like one. Any detector or integration can be held against them. */
export const loopCases: readonly LoopCase[] = [...loops, ...honestWork];

/** What the cases need of a test runner: vitest, jest and `node:test` with any `expect` will do. */
export interface LoopCaseRunner {
  readonly test: (name: string, body: () => void) => void;
  readonly expect: (value: unknown, message?: string) => { toBe(expected: unknown): void };
}

/** Characters of a piece of a streamed text. */
const DELTA_SIZE = 24;

/** Plays a case to a judge; returns the verdicts in order. */
export function playLoopCase(loopCase: Pick<LoopCase, 'steps' | 'text'>, judge: LoopJudge): readonly Verdict[] {
  const verdicts = recordsOf(loopCase.steps).map((record) => judge.observe(record));
  const { text = '' } = loopCase;
  for (let from = 0; from < text.length; from += DELTA_SIZE) verdicts.push(judge.observeText(text.slice(from, from + DELTA_SIZE), 'text'));
  return verdicts.filter((verdict) => verdict !== undefined);
}

/**
 * Registers one test per case: every loop must be noticed, no honest work may be stopped.
 *
 * @example
 * testLoopCases({ test, expect }, (options) => createLoopJudge(options));
 */
export function testLoopCases({ test, expect }: LoopCaseRunner, makeJudge: (options: LoopOptions) => LoopJudge): void {
  for (const loopCase of loopCases) {
    const { id, title, isLoop, tools = {} } = loopCase;
    test(`${isLoop ? 'notices' : 'does not stop'} ${id}: ${title}`, () => {
      const verdicts = playLoopCase(loopCase, makeJudge({ tools }));
      const said = verdicts.map(({ level, kind, step }) => `${level} ${kind} at ${step}`).join(', ');
      if (isLoop) expect(verdicts.length > 0, `no verdict on ${id}`).toBe(true);
      else
        expect(
          verdicts.some(({ level }) => level === 'halt'),
          `${id}: ${said}`,
        ).toBe(false);
    });
  }
}
