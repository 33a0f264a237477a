import { expect, test } from 'vitest';
import { encoderFor } from '../../../../src/meter/tokens/encodings.ts';
import { createMerger, mergeTokens } from '../../../../src/meter/tokens/merge.ts';
import { nextHash } from '../../../../src/meter/tokens/piece-hash.ts';
import { NO_RANK, rankOf } from '../../../../src/meter/tokens/vocabulary.ts';
import { randomFrom } from '../random-text.ts';

const { vocabulary } = encoderFor('o200k_base');

/** Byte pair merging as it is defined: while some pair of neighbours is an entry, join the leftmost of the lowest rank. */
function mergedByDefinition(bytes: Uint8Array): number[] {
  const starts = Array.from(bytes, (_, at) => at);
  const endOf = (part: number): number => starts[part + 1] ?? bytes.length;
  for (;;) {
    let lowest = NO_RANK;
    let chosen = -1;
    for (let part = 0; part + 1 < starts.length; part++) {
      const [from, to] = [starts[part] ?? 0, endOf(part + 1)];
      const rank = rankOf(vocabulary, bytes, from, to, bytes.subarray(from, to).reduce(nextHash, 0));
      if (rank < lowest) [lowest, chosen] = [rank, part];
    }
    if (chosen < 0) return starts;
    starts.splice(chosen + 1, 1);
  }
}

test('stretches of every kind are merged as the definition says, token by token', () => {
  const merger = createMerger(vocabulary);
  const random = randomFrom(41);
  const alphabets = ['etaoinshrdlu', 'aAbB ', '漢字日本語的是', 'éüßñ', 'абвгд', '0123456789', '-=_ ', '😀👩\u200d', 'नमस्ते'].map(
    (letters) => Array.from(letters),
  );
  for (let round = 0; round < 2_000; round++) {
    const letters = alphabets[round % alphabets.length] ?? [];
    const text = Array.from({ length: 1 + Math.floor(random() * 30) }, () => letters[Math.floor(random() * letters.length)]).join('');
    const bytes = Buffer.from(text);
    const count = mergeTokens(merger, bytes, 0, bytes.length);
    const starts: number[] = [];
    for (let part = 0; part < bytes.length; part = merger.next[part]!) starts.push(part);
    const expected = mergedByDefinition(bytes);
    if (count !== expected.length || String(starts) !== String(expected)) expect({ text, starts }).toEqual({ text, starts: expected });
  }
});

test('a stretch longer than the room that there is gets more', () => {
  const merger = createMerger(vocabulary);
  const bytes = Buffer.from('ab'.repeat(3_000));
  const short = Buffer.from('the');
  expect(mergeTokens(merger, bytes, 0, bytes.length)).toBeGreaterThan(500);
  expect(mergeTokens(merger, short, 0, short.length)).toBe(1);
});
