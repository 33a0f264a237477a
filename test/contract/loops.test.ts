import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../src/loops/judge.ts';
import { loopCases, playLoopCase, testLoopCases } from '../../src/testing/loop-cases.ts';
import { interleaved, withNoise } from '../../src/testing/loop-cases/interleave.ts';
import { seededRandom } from '../support/random.ts';

describe('the loop conformance cases', () => {
  testLoopCases({ test, expect }, (options) => createLoopJudge(options));

  test('cover every kind of loop and of honest work', () => {
    const families = new Set(loopCases.map(({ id }) => id.replace(/[a-z]$/, '')));
    for (let kind = 1; kind <= 21; kind++) expect(families).toContain(`L${kind}`);
    for (let kind = 1; kind <= 17; kind++) expect(families).toContain(`N${kind}`);
  });

  test('are noticed through two hundred random mixes with steps that never come again', () => {
    const random = seededRandom(20_260_101);
    const loops = loopCases.filter(({ isLoop, steps }) => isLoop && steps.length > 0);
    const missed: string[] = [];
    for (let turn = 0; turn < 200; turn++) {
      const loopCase = loops[turn % loops.length];
      if (loopCase === undefined) continue;
      const steps = withNoise(loopCase.steps, random.next() * 0.25, random.next);
      if (playLoopCase({ steps }, createLoopJudge({ tools: loopCase.tools ?? {} })).length === 0) missed.push(loopCase.id);
    }
    expect(missed).toEqual([]);
  });

  test('never stop two hundred random mixes of honest work', () => {
    const random = seededRandom(20_260_102);
    const honest = loopCases.filter(({ isLoop }) => !isLoop);
    const stopped: string[] = [];
    for (let turn = 0; turn < 200; turn++) {
      const [one, other] = [random.pick(honest), random.pick(honest)];
      if (one.id === other.id) continue;
      const mix = interleaved(one, other, random.next);
      const verdicts = playLoopCase(mix, createLoopJudge({ tools: mix.tools ?? {} }));
      if (verdicts.some(({ level }) => level === 'halt')) stopped.push(`${one.id} with ${other.id}`);
    }
    expect(stopped).toEqual([]);
  });
});
