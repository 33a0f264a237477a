import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createContentMemo } from '../../../../src/meter/messages/content-memo.ts';

/** The same text in memory of its own, as a framework that writes and reads JSON makes it. */
const again = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le');

/** A long text with one letter changed. */
const withLetterAt = (index: number, letter: string): string => {
  const text = 'lorem ipsum '.repeat(100);
  return text.slice(0, index) + letter + text.slice(index + 1);
};

describe('a memory of counts by content', () => {
  test('knows a text again, whichever string it comes in', () => {
    const memo = createContentMemo();
    for (const text of ['x', 'naïve', '漢字', '\ud800 alone', '\0', 'a long text of the host '.repeat(500)]) {
      memo.set('o200k_base', text, text.length);
      expect(memo.get('o200k_base', again(text))).toBe(text.length);
    }
  });

  test('never takes one text for another, wherever they differ', () => {
    const memo = createContentMemo();
    const places = Array.from({ length: 1_200 }, (_, index) => index);
    for (const index of places) {
      expect(memo.get('o200k_base', withLetterAt(index, '#'))).toBeUndefined();
      memo.set('o200k_base', withLetterAt(index, '#'), index);
    }
    for (const index of places) {
      const known = memo.get('o200k_base', withLetterAt(index, '#'));
      if (known !== undefined) expect(known).toBe(index);
      expect(memo.get('o200k_base', withLetterAt(index, '%'))).toBeUndefined();
    }
  });

  test('keeps tokenizers apart', () => {
    const memo = createContentMemo();
    memo.set('one', 'the same text', 1);
    expect(memo.get('two', 'the same text')).toBeUndefined();
    memo.set('two', 'the same text', 2);
    expect(memo.get('one', 'the same text')).toBe(1);
    expect(memo.get('two', 'the same text')).toBe(2);
  });

  test('forgets what was not asked for while much else came, and keeps what was', () => {
    const memo = createContentMemo();
    const text = (number: number): string => `${number} `.padEnd(500_000, `text ${number} `);
    memo.set('o200k_base', text(0), 7);
    memo.set('o200k_base', text(1), 8);
    for (let number = 2; number < 40; number++) {
      memo.set('o200k_base', text(number), number);
      expect(memo.get('o200k_base', text(1))).toBe(8);
    }
    expect(memo.get('o200k_base', text(0))).toBeUndefined();
  });

  test('keeps nothing of a longer text that a text was cut from', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const memo = createContentMemo();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < 40; number++) {
      const page = Buffer.alloc(2_000_000, `page ${number} `).toString('latin1');
      memo.set('o200k_base', page.slice(number, number + 2_000), number);
    }
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
    expect(memo.get('o200k_base', Buffer.alloc(2_039, 'page 39 ').toString('latin1').slice(39))).toBe(39);
  });

  test('does not take what would fill it by itself', () => {
    const memo = createContentMemo();
    memo.set('o200k_base', 'x'.repeat(2_000_000), 250_000);
    expect(memo.get('o200k_base', 'x'.repeat(2_000_000))).toBeUndefined();
  });
});
