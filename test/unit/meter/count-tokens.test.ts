import { describe, expect, test } from 'vitest';
import { InvalidOptionError } from '../../../src/core/errors.ts';
import { countTokens, withinTokens, type CountTokensOptions } from '../../../src/meter/count-tokens.ts';
import { isWithinBounds } from '../../../src/meter/tokens/count.ts';
import { inSlices } from '../../../src/meter/tokens/slices.ts';

const book = 'It was the best of times, it was the worst of times. '.repeat(4_000);
const bookTokens = 13 * 4_000 + 1;

describe('countTokens', () => {
  test('counts plain text as the model does', async () => {
    expect(await countTokens('Hello, world')).toBe(3);
    expect(await countTokens('')).toBe(0);
    expect(await countTokens('漢字', { encoding: 'cl100k_base' })).not.toBe(await countTokens('漢字', { encoding: 'o200k_base' }));
  });

  test('what looks like a special token is plain text', async () => {
    expect(await countTokens('<|endoftext|>')).toBe(7);
    expect(await countTokens('\0')).toBe(1);
  });

  test('a limit ends the counting early: the answer is above the limit, and need not be the whole', async () => {
    const count = await countTokens(book, { limit: 2_000 });
    expect(count).toBeGreaterThan(2_000);
    expect(count).toBeLessThan(bookTokens / 2);
    expect(await countTokens(book, { limit: 1e9 })).toBe(await countTokens(book));
  });

  test('a model of another family is counted on the safe side', async () => {
    const plain = await countTokens(book, { model: 'gpt-4o' });
    expect(await countTokens(book, { model: 'claude-sonnet-4-5' })).toBe(Math.ceil(plain * 1.35));
  });

  test.each([
    [42, {}],
    [null, {}],
    ['text', { limit: -1 }],
    ['text', { limit: Number.NaN }],
    ['text', { limit: '8' }],
    ['text', { model: 7 }],
    ['text', { encoding: 'p50k_base' }],
    ['text', { encoding: 'constructor' }],
  ])('%j with %j is refused', async (text, options) => {
    await expect(countTokens(text as string, options as CountTokensOptions)).rejects.toThrow(InvalidOptionError);
  });
});

describe('withinTokens', () => {
  test('agrees with the count on both sides of it', async () => {
    const count = await countTokens(book);
    expect(await withinTokens(book, count)).toBe(true);
    expect(await withinTokens(book, count - 1)).toBe(false);
    expect(await withinTokens('', 0)).toBe(true);
    expect(await withinTokens('x', 0)).toBe(false);
  });

  test('so it does for a model of another family', async () => {
    const count = await countTokens(book, { model: 'claude-sonnet-4-5' });
    expect(await withinTokens(book, count, { model: 'claude-sonnet-4-5' })).toBe(true);
    expect(await withinTokens(book, count - 2, { model: 'claude-sonnet-4-5' })).toBe(false);
  });

  test('the length alone decides far from the limit', () => {
    expect(isWithinBounds('a short text', 1_000_000)).toBe(true);
    expect(isWithinBounds(book, 1_000)).toBe(false);
    expect(isWithinBounds(book, bookTokens)).toBeUndefined();
  });
});

describe('long texts', () => {
  test('are counted while the event loop turns', async () => {
    await countTokens('load');
    let turns = 0;
    const ticking = setInterval(() => turns++, 0);
    await countTokens(book.repeat(5));
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
  });

  test('end with the reason of the signal, before they begin and while they are counted', async () => {
    const reason = new Error('enough');
    await expect(countTokens('x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(withinTokens(book, bookTokens, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = countTokens(book.repeat(10), { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(pending).rejects.toBe(reason);
  });

  test('several at once take turns: no turn of the event loop has slices of two', async () => {
    let turn = 0;
    let isTicking = true;
    const tick = (): void => {
      turn++;
      if (isTicking) setImmediate(tick);
    };
    setImmediate(tick);
    const turnsOf: number[][] = [[], []];
    const slow = (turns: number[]) => (): boolean => {
      if (turns.at(-1) !== turn) turns.push(turn);
      const until = performance.now() + 1;
      while (performance.now() < until);
      return turns.length < 5;
    };
    await Promise.all(turnsOf.map((turns) => inSlices(slow(turns))));
    isTicking = false;
    const shared = turnsOf[0]?.filter((each) => turnsOf[1]?.includes(each));
    expect(shared).toEqual([]);
  });

  test('a hundred million characters are counted against a limit without being read', async () => {
    const huge = 'x'.repeat(100_000_000);
    expect(await withinTokens(huge, 500_000)).toBe(false);
    expect(await countTokens(huge, { limit: 500_000 })).toBeGreaterThan(500_000);
  });
});
