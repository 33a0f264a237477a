import { describe, expect, test } from 'vitest';
import { createLoopJudge } from '../../../src/loops/judge.ts';
import { call, levels, recordOf, times } from '../../support/loop-steps.ts';

const big = 'words and more '.repeat(700_000);
const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]));
const deep = Array.from({ length: 10_000 }).reduce<unknown>((inner) => ({ inner }), 'x');
const proxy = new Proxy(
  {},
  {
    ownKeys: () => {
      throw new Error('no keys');
    },
    get: () => {
      throw new Error('no value');
    },
  },
);

describe('a judge under hostile input', () => {
  test.each([
    ['a result of ten million characters', {}, big],
    ['arguments of ten million characters', big, 'ok then'],
    ['a hundred thousand keys', wide, wide],
    ['a list of a million items', Array.from({ length: 1_000_000 }, (_, i) => i), 'ok then'],
    ['nesting without end', deep, deep],
    ['a proxy that throws', proxy, proxy],
    ['an error for a result', {}, new Error('it broke')],
    ['lone surrogates', '\uD800', '\uDFFF'],
    ['one word of ten thousand letters', { path: 'a'.repeat(10_000) }, 'b'.repeat(10_000)],
    ['nothing but slashes and dots', { path: './'.repeat(5000) }, './'.repeat(5000)],
  ])('still sees the repeat of %s', (_what, args, output) => {
    expect(levels(times(5, () => call('tool', args, output))).at(-1)).toBe('halt');
  });

  test('keeps no more of a large result than its bound', () => {
    const judge = createLoopJudge();
    for (let index = 0; index < 5; index++) judge.observe(recordOf(call('tool', { big }, big), index));
    expect(JSON.stringify(judge.save()).length).toBeLessThan(64 * 1024);
  });

  test('takes a stream of any shape', () => {
    const judge = createLoopJudge();
    for (const delta of ['', '\uD800', '```', '\n\n\n', 'x'.repeat(20_000), '\u0000'])
      expect(() => judge.observeText(delta, 'thinking')).not.toThrow();
  });
});
