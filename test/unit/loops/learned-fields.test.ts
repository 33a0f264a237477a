import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { recordsOf } from '../../../src/testing/loop-cases/script.ts';
import { call, freshText, gist, levels, times } from '../../support/loop-steps.ts';

/** Words without meaning, in letters and digits. */
const random = (i: number): string => `k${(i * 7 + 3) % 10}q${(i * 3 + 1) % 10}x${i}w${(i * 11) % 97}`;
const looks = (count: number, result: (i: number) => unknown) => times(count, (i) => call('get_ticket', { id: 7 }, result(i)));
const isCalm = (steps: Parameters<typeof levels>[0]) => levels(steps).every((level) => level === undefined);

describe('a field that changes by itself', () => {
  test.each<[string, (i: number) => unknown]>([
    ['a nonce in JSON', (i) => JSON.stringify({ open: true, owner: 'ann', salted: random(i) })],
    ['a nonce in an object', (i) => ({ open: true, owner: 'ann', salted: random(i) })],
    ['a large number that jumps', (i) => ({ open: true, owner: 'ann', mark: 1_000_000 + ((i * i * 7_919_311) % 8_999_999) })],
    ['a clock by name', (i) => ({ open: true, owner: 'ann', fetchedAt: 1_790_000_000 + i * 3 })],
    ['an id by name, with a time beside it', (i) => ({ open: true, owner: 'ann', requestId: `r${i}`, elapsed: i * 1.5 })],
    ['a field inside others', (i) => ({ ticket: { open: true, owner: 'ann' }, meta: { served: { by: random(i) } } })],
    [
      'JSON in the text of a content part',
      (i) => ({ content: [{ type: 'text', text: JSON.stringify({ open: true, salted: random(i) }) }] }),
    ],
  ])('is learned and no longer hides a loop: %s', (_what, result) => {
    expect(levels(looks(10, result)).indexOf('halt')).toBeGreaterThan(4);
  });

  test('is known at the next call of the same tool', () => {
    const result = (i: number) => ({ open: true, owner: 'ann', salted: random(i) });
    const others = times(5, (i) => call('get_ticket', { id: 8 }, result(i + 50)));
    expect(levels([...looks(4, result), ...others]).slice(4)).toEqual([undefined, undefined, 'warn', undefined, 'halt']);
  });

  test('is learned of no more than the tool that showed it', () => {
    const result = (i: number) => ({ open: true, owner: 'ann', salted: random(i) });
    const others = times(5, (i) => call('get_invoice', { id: 8 }, result(i + 50)));
    expect(levels([...looks(4, result), ...others]).slice(4)).not.toContain('halt');
  });

  test('stays learned when a run is cut and resumed in another process', () => {
    const records = recordsOf(looks(10, (i) => JSON.stringify({ open: true, owner: 'ann', salted: random(i) })));
    const whole = createLoopJudge();
    const verdicts = records.map((record) => gist(whole.observe(record)));
    expect(verdicts.some((verdict) => verdict?.level === 'halt')).toBe(true);
    for (const cut of [2, 3, 4, 6]) {
      const before = createLoopJudge();
      for (const record of records.slice(0, cut)) before.observe(record);
      const after = createLoopJudge({}, JSON.parse(JSON.stringify(before.save())));
      expect(records.slice(cut).map((record) => gist(after.observe(record)))).toEqual(verdicts.slice(cut));
    }
  });
});

describe('a field that is an answer', () => {
  test.each<[string, (i: number) => unknown]>([
    ['words that change', (i) => ({ open: true, note: freshText(i, 6) })],
    ['a status', (i) => ({ id: 7, status: random(i) })],
    ['a next page', (i) => ({ open: true, nextPage: random(i) })],
    ['the only field', (i) => ({ salted: random(i) })],
    ['all the fields there are', (i) => ({ salted: random(i), nonce: random(i + 40) })],
    ['the items of a list', (i) => ({ open: true, found: [{ id: random(i) }, { id: random(i + 9) }] })],
    ['a name that counts', (i) => ({ open: true, at_file: `chapter-${'abcdefghijkl'[i]}`, worker: freshText(i, 1) })],
  ])('is not learned: %s', (_what, result) => {
    expect(isCalm(looks(12, result))).toBe(true);
  });

  test('is not learned where a number moves steadily: an upload of bytes', () => {
    expect(levels(looks(12, (i) => ({ open: true, sent: 2_000_000 + i * 65_536 })))).not.toContain('halt');
  });

  test('is not learned from small numbers: dice', () => {
    expect(levels(looks(12, (i) => ({ sides: 6, thrown: 1 + ((i * 5) % 6) })))).not.toContain('halt');
  });

  test('is not learned from what goes back and forth', () => {
    const switching = (one: string, other: string) => levels(looks(12, (i) => ({ open: true, leader: i % 2 === 0 ? one : other })));
    expect(switching('a1b2c3d4', 'e5f6g7h8')).toEqual(switching('a1 b2 c3 d4', 'e5 f6 g7 h8'));
  });

  test('is not learned while work is done in between: a queue that is worked off', () => {
    const steps = times(24, (i) => [
      call('take_job', {}, { queue: 'thumbnails', jobId: random(i) }),
      call('work_on', { job: random(i), text: freshText(i, 6) }, { ok: true }),
    ]);
    expect(levels(steps)).not.toContain('halt');
  });
});

test('results that are deep, wide, cyclic or throw are compared as they are', () => {
  const cyclic: Record<string, unknown> = { a: 1, b: 2 };
  cyclic['self'] = cyclic;
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`key${i}`, i]));
  const deep = times(40, (i) => i).reduce<unknown>((inner) => ({ inner }), 'x');
  const throwing = {
    get secret(): string {
      throw new Error('no');
    },
  };
  for (const value of [cyclic, wide, deep, throwing, new Map([['a', 1]])]) expect(levels(looks(6, () => value))).toContain('halt');
});
