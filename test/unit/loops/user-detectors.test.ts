import { describe, expect, test } from 'vitest';
import type { Detector } from '../../../src/loops/detector.ts';
import { call, judged, times } from '../../support/loop-steps.ts';

const fresh = (count: number) => times(count, (i) => call(`tool_${i}`, { i }, `result number ${'abcdefghij'[i % 10]} of all`));

describe("a detector of the user's", () => {
  test('speaks under its own name', () => {
    const mine: Detector = {
      name: 'third-step',
      observe: ({ index }) => (index === 2 ? { level: 'halt', reason: 'three is enough', laps: 2 } : undefined),
    };
    expect(judged(fresh(4), { detectors: [mine] })[2]).toMatchObject({
      level: 'halt',
      kind: 'third-step',
      detectors: ['third-step'],
      reason: 'three is enough',
      laps: 2,
    });
  });

  test('sees the steps before, the newest 64 at most', () => {
    const seen: number[] = [];
    const mine: Detector = { name: 'mine', observe: (_step, history) => void seen.push(history.last(1000).length) };
    judged(fresh(80), { detectors: [mine] });
    expect(seen[0]).toBe(0);
    expect(seen[5]).toBe(5);
    expect(seen.at(-1)).toBe(64);
  });

  test('that throws is reported once and left out, and the others go on', () => {
    const errors: string[] = [];
    const broken: Detector = {
      name: 'broken',
      observe: () => {
        throw new Error('no');
      },
    };
    const sound: Detector = { name: 'sound', observe: ({ index }) => (index === 3 ? { level: 'warn', reason: 'here' } : undefined) };
    const verdicts = judged(fresh(5), { detectors: [broken, sound], onDetectorError: (name) => void errors.push(name) });
    expect(errors).toEqual(['broken']);
    expect(verdicts[3]).toMatchObject({ kind: 'sound' });
  });

  test('does no harm when even the report of its failure throws', () => {
    const broken: Detector = {
      name: 'broken',
      observe: () => {
        throw new Error('no');
      },
    };
    expect(() =>
      judged(fresh(3), {
        detectors: [broken],
        onDetectorError: () => {
          throw new Error('nor this');
        },
      }),
    ).not.toThrow();
  });

  test('is told once while its warning goes on, and works under the preset off', () => {
    const nagging: Detector = { name: 'nagging', observe: ({ index }) => (index === 4 ? undefined : { level: 'warn', reason: 'again' }) };
    const said = judged(fresh(7), { loops: 'off', detectors: [nagging] }).map((verdict) => verdict?.kind);
    expect(said).toEqual(['nagging', undefined, undefined, undefined, undefined, 'nagging', undefined]);
  });

  test('gives way to a halt of the built-in ones, and outranks their warnings', () => {
    const steps = times(5, () => call('read', {}, 'the same'));
    const warns: Detector = { name: 'mine', observe: () => ({ level: 'warn', reason: 'hm' }) };
    expect(judged(steps, { detectors: [warns] }).at(-1)).toMatchObject({ level: 'halt', kind: 'repeat' });
    const halts: Detector = { name: 'mine', observe: () => ({ level: 'halt', reason: 'no' }) };
    expect(judged(steps, { detectors: [halts] })[2]).toMatchObject({ level: 'halt', kind: 'mine' });
  });

  test('whose answer makes no sense is not heard', () => {
    const odd = { name: 'odd', observe: () => ({ level: 'stop' }) } as unknown as Detector;
    expect(judged(fresh(3), { detectors: [odd] }).every((verdict) => verdict === undefined)).toBe(true);
  });
});
