import { describe, expect, test } from 'vitest';
import { detectorList, loopFigures, loopOptions, toolPolicies } from '../../../src/loops/options.ts';
import { call, judged, levels, times } from '../../support/loop-steps.ts';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { recordsOf } from '../../../src/testing/loop-cases/script.ts';

describe('a tool policy', () => {
  const polls = (count: number, gapMs: number) => times(count, () => call('render', { id: 7 }, 'waiting', { gapMs }));

  test('judges a declared poll by time, not by count', () => {
    expect(levels(polls(60, 1000), { tools: { render: { poll: '10m' } } }).every((level) => level === undefined)).toBe(true);
    const slow = judged(polls(14, 60_000), { tools: { render: { poll: '10m' } } });
    expect(slow.find((verdict) => verdict?.level === 'halt')).toMatchObject({ kind: 'stuck-poll', step: 10 });
  });

  test('takes a tool out with loopKey false', () => {
    expect(levels(polls(40, 1), { tools: { render: { loopKey: false } } }).every((level) => level === undefined)).toBe(true);
  });

  test('compares only the fields that it names', () => {
    const steps = times(6, (i) => call('search', { query: 'x', session: `s${i}` }, 'no hits for this'));
    expect(levels(steps, { tools: { search: { loopKey: ['query'] } } })).toContain('halt');
  });

  test('compares what its function makes of the arguments, and the arguments where that throws', () => {
    const steps = times(6, (i) => call('search', { query: `x ${i}` }, `hit list ${'abcdef'[i]}`));
    expect(levels(steps, { tools: { search: { loopKey: () => 'one' } } }).every((level) => level === undefined)).toBe(true);
    const throwing = {
      loopKey: () => {
        throw new Error('no key');
      },
    };
    expect(
      levels(
        times(5, () => call('search', { query: 'x' }, 'the same')),
        { tools: { search: throwing } },
      ),
    ).toContain('halt');
  });

  test('leaves ignored fields out of arguments and results', () => {
    const steps = times(6, (i) => call('search', { query: 'x', nonce: i * 77 }, { hits: ['a', 'b'], nonce: `n${'abcdef'[i]}` }));
    expect(levels(steps).every((level) => level !== 'halt')).toBe(true);
    expect(levels(steps, { tools: { search: { ignore: ['nonce'] } } })).toContain('halt');
  });

  test('judges declared side effects faster', () => {
    const payments = times(4, () => call('charge', { amount: 5 }, 'charged'));
    expect(levels(payments, { tools: { charge: { sideEffects: true } } })).toEqual([undefined, 'warn', 'halt', 'halt']);
  });

  test('allows as many repeats as it says', () => {
    const spins = (count: number) =>
      levels(
        times(count, () => call('spin', {}, 'nothing')),
        { tools: { spin: { maxRepeats: 10 } } },
      );
    expect(spins(11).every((level) => level === undefined)).toBe(true);
    expect(spins(20)).toContain('halt');
  });

  test('wins over what the host hints', () => {
    const judge = (tools = {}) => {
      const one = createLoopJudge({ tools });
      return recordsOf(times(3, () => call('charge', { amount: 5 }, 'charged'))).map(
        (record) => one.observe({ ...record, hints: { destructiveHint: true, idempotentHint: false } })?.level,
      );
    };
    expect(judge()).toEqual([undefined, 'warn', 'halt']);
    expect(judge({ charge: { sideEffects: false } })).toEqual([undefined, undefined, 'warn']);
  });

  test('is not looked for under names that every object has', () => {
    expect(levels(times(5, () => call('constructor', {}, 'x y z')))).toContain('halt');
    expect(levels(times(5, () => call('__proto__', {}, 'x y z')))).toContain('halt');
  });
});

describe('the options', () => {
  test('name the path and the remedy of what cannot be used', () => {
    expect(loopOptions.safeParse('lenient').success).toBe(false);
    expect(loopOptions.safeParse({ warnAt: 6, haltAt: 4 }).error?.issues[0]?.message).toContain('warning comes before a halt');
    expect(loopOptions.safeParse({ without: ['repeats'] }).success).toBe(false);
    expect(toolPolicies.safeParse({ job: { poll: '10 minutes' } }).error?.issues[0]?.path).toEqual(['job', 'poll']);
    expect(toolPolicies.safeParse({ job: { usd: -1 } }).success).toBe(false);
    expect(toolPolicies.safeParse({ job: { pol: true } }).success).toBe(false);
    expect(detectorList.safeParse([{ name: 'mine' }]).success).toBe(false);
  });

  test('take every documented form', () => {
    for (const value of ['gentle', 'standard', 'strict', 'off', {}, { preset: 'gentle', haltAt: 10 }, { without: ['chant'] }]) {
      expect(loopOptions.safeParse(value).success).toBe(true);
    }
    expect(
      toolPolicies.safeParse({
        a: { poll: true, loopKey: false },
        b: { loopKey: ['id'], maxRepeats: 3 },
        c: { loopKey: () => 1, usd: 0.01 },
      }).success,
    ).toBe(true);
    expect(detectorList.safeParse([{ name: 'mine', observe: () => undefined }]).success).toBe(true);
  });

  test('keep a warning before a halt when only one of them is given', () => {
    expect(loopFigures({ haltAt: 2 })).toEqual({ warnAt: 2, haltAt: 2 });
    expect(loopFigures({ warnAt: 9 })).toEqual({ warnAt: 9, haltAt: 9 });
  });
});
