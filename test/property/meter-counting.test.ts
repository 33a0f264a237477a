import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, test } from 'vitest';
import { countAfter, countNow } from '../../src/meter/tokens/count.ts';
import { isSafeBetween } from '../../src/meter/tokens/safe-boundaries.ts';
import { createStreamedCount } from '../../src/meter/tokens/streamed-count.ts';
import { randomFrom, randomText } from '../unit/meter/random-text.ts';

describe.each([
  ['o200k_base', o200k],
  ['cl100k_base', cl100k],
] as const)('%s', (encoding, ranks) => {
  const oracle = new Tiktoken(ranks);

  test('2,000 mixed texts have the counts that js-tiktoken gives them', () => {
    const random = randomFrom(11);
    for (let round = 0; round < 2_000; round++) {
      const text = randomText(random);
      const expected = oracle.encode(text, [], []).length;
      if (countNow(text, encoding) !== expected) expect({ text, count: countNow(text, encoding) }).toEqual({ text, count: expected });
    }
  });

  test('1,500 texts of characters of two and three bytes, known ones beside rare ones, have the counts that js-tiktoken gives them', () => {
    const random = randomFrom(15);
    const known = ranks.bpe_ranks
      .split(' ')
      .slice(2)
      .map((entry) => Buffer.from(entry, 'base64').toString())
      .filter((entry) => !entry.includes('\ufffd') && /[^\0-\x7f]/.test(entry));
    const blocks = [0x80, 0x400, 0x600, 0x900, 0xe00, 0x2000, 0x3040, 0x4e00, 0x6000, 0x9000, 0xac00, 0xf900];
    for (let round = 0; round < 1_500; round++) {
      const parts = Array.from({ length: 1 + Math.floor(random() * 14) }, () =>
        random() < 0.4
          ? known[Math.floor(random() * known.length)]
          : String.fromCharCode((blocks[Math.floor(random() * blocks.length)] ?? 0) + Math.floor(random() * 128)),
      );
      const text = parts.join('');
      const expected = oracle.encode(text, [], []).length;
      if (countNow(text, encoding) !== expected) expect({ text, count: countNow(text, encoding) }).toEqual({ text, count: expected });
    }
  });

  test('a text of many chunks has the count that js-tiktoken gives it, whatever stands at their seams', () => {
    const random = randomFrom(14);
    const text = Array.from({ length: 1_200 }, () => randomText(random, 60)).join('');
    expect(text.length).toBeGreaterThan(20_000);
    expect(countNow(text, encoding)).toBe(oracle.encode(text, [], []).length);
  });

  test('a text that is cut where it is safe has the counts of its parts', () => {
    const random = randomFrom(12);
    let cuts = 0;
    for (let round = 0; round < 1_500; round++) {
      const text = randomText(random);
      for (let index = 1; index < text.length; index++) {
        if (random() > 0.2 || !isSafeBetween(text.charCodeAt(index - 1), text.charCodeAt(index))) continue;
        cuts++;
        const whole = countNow(text, encoding);
        const parts = countNow(text.slice(0, index), encoding) + countNow(text.slice(index), encoding);
        if (parts !== whole) expect({ text, index, parts }).toEqual({ text, index, parts: whole });
      }
    }
    expect(cuts).toBeGreaterThan(2_000);
  });

  test('a text that streams in deltas of any size has the count of the whole, at the end and at no time less than what is certain', () => {
    const random = randomFrom(13);
    for (let round = 0; round < 1_000; round++) {
      const text = randomText(random, 200);
      const streamed = createStreamedCount((before, delta) => countAfter(before, delta, encoding));
      for (let at = 0; at < text.length;) {
        const length = Math.floor(random() * (random() < 0.2 ? 90 : 9));
        const soFar = streamed.push(text.slice(at, at + length));
        at += length;
        expect(soFar).toBeGreaterThanOrEqual(countNow(text.slice(0, at), encoding));
      }
      if (streamed.total() !== countNow(text, encoding))
        expect({ text, count: streamed.total() }).toEqual({ text, count: countNow(text, encoding) });
    }
  });
});
