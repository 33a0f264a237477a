import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, test } from 'vitest';
import { LONGEST_ENTRY_BYTES } from '../../../../src/meter/tokens/bounds.ts';
import { nextHash } from '../../../../src/meter/tokens/piece-hash.ts';
import { rankData, rankDataLater } from '../../../../src/meter/tokens/rank-data.ts';
import { createVocabularyReader } from '../../../../src/meter/tokens/read-vocabulary.ts';
import { NO_RANK, rankOf, type Vocabulary } from '../../../../src/meter/tokens/vocabulary.ts';

function read(data: Uint8Array): Vocabulary {
  const reader = createVocabularyReader(data);
  while (reader.step());
  return reader.vocabulary;
}

const rankIn = (vocabulary: Vocabulary, bytes: Uint8Array): number => rankOf(vocabulary, bytes, 0, bytes.length, bytes.reduce(nextHash, 0));

describe.each([
  ['o200k_base', o200k],
  ['cl100k_base', cl100k],
] as const)('%s', (encoding, ranks) => {
  test('the data is found in the source of the module, the same as the module gives', async () => {
    expect(Buffer.from(rankData(encoding)).toString('latin1')).toBe(ranks.bpe_ranks);
    expect(Buffer.from(await rankDataLater(encoding)).toString('latin1')).toBe(ranks.bpe_ranks);
  });

  test('every entry is found, in the order of the published ranks, and none is longer than the bound says', () => {
    const vocabulary = read(rankData(encoding));
    let before = 0;
    let longest = 0;
    let misses = 0;
    for (const line of ranks.bpe_ranks.split('\n').filter(Boolean)) {
      for (const entry of line.split(' ').slice(2)) {
        const bytes = Buffer.from(entry, 'base64');
        const rank = rankIn(vocabulary, bytes);
        if (rank === NO_RANK || rank <= before) misses++;
        before = rank;
        longest = Math.max(longest, bytes.length);
      }
    }
    expect({ misses, longest }).toEqual({ misses: 0, longest: LONGEST_ENTRY_BYTES });
  });

  test('a character that may be taken whole ranks below every entry that it is joined into', () => {
    const vocabulary = read(rankData(encoding));
    const { crossed } = vocabulary.characters;
    let checked = 0;
    const wrong: string[] = [];
    for (const entry of ranks.bpe_ranks.split(' ').slice(2)) {
      const bytes = Buffer.from(entry, 'base64');
      const text = bytes.toString();
      if (bytes.length < 4 || text.includes('\ufffd')) continue;
      const rank = rankIn(vocabulary, bytes);
      let at = 0;
      for (const character of Array.from(text)) {
        const start = at;
        at += Buffer.byteLength(character);
        if (at - start === bytes.length || at - start < 2 || at - start > 3) continue;
        checked++;
        const isBarred =
          (start > 0 && crossed[(bytes[start - 1]! << 8) | bytes[start]!] === 1) ||
          (at < bytes.length && crossed[(bytes[at - 1]! << 8) | bytes[at]!] === 1);
        const own = rankIn(vocabulary, bytes.subarray(start, at));
        if (own !== NO_RANK && own >= rank && !isBarred) wrong.push(text);
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(4_000);
  });

  test('what is no entry has no rank, however near to one it is', () => {
    const vocabulary = read(rankData(encoding));
    expect(rankIn(vocabulary, Buffer.from(' the'))).toBeLessThan(NO_RANK);
    expect(rankIn(vocabulary, Buffer.from(' theq'))).toBe(NO_RANK);
    expect(rankIn(vocabulary, Buffer.from('x'.repeat(300)))).toBe(NO_RANK);
  });
});

test('data in several lines is read as well', () => {
  const vocabulary = read(Buffer.from('! 0 YQ== Yg==\n! 2 YWI=\n'));
  const [a, b, ab] = ['a', 'b', 'ab'].map((text) => rankIn(vocabulary, Buffer.from(text)));
  expect([a, b, ab].every((rank) => rank !== NO_RANK)).toBe(true);
  expect(a).toBeLessThan(b ?? 0);
  expect(b).toBeLessThan(ab ?? 0);
  expect(vocabulary.pairs[(0x61 << 8) | 0x62]).toBe(ab);
});
