import { describe, expect, test } from 'vitest';
import { createMediumPieces, mediumSlot, recallMediumPiece, rememberMediumPiece } from '../../../../src/meter/tokens/medium-pieces.ts';
import { createPairCache, pairSlot } from '../../../../src/meter/tokens/pair-cache.ts';
import { cacheCount, cachedCount, createPieceCache } from '../../../../src/meter/tokens/piece-cache.ts';
import { nextHash } from '../../../../src/meter/tokens/piece-hash.ts';
import { createShortPieces, headOf, recallShortPiece, rememberShortPiece, tailOf } from '../../../../src/meter/tokens/short-pieces.ts';
import { randomFrom } from '../random-text.ts';

/** A piece with room behind it, as the counting code lays texts out. */
function pieceOf(length: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(length + 8).map(() => Math.floor(random() * 256));
  return bytes;
}

describe('the counts of short pieces', () => {
  test('are those of the same piece, whatever follows it in the text, or none', () => {
    const random = randomFrom(31);
    const pieces = createShortPieces();
    const counts = new Map<string, number>();
    let recalled = 0;
    for (let round = 0; round < 40_000; round++) {
      const length = 1 + Math.floor(random() * 8);
      // Few bytes, so that pieces come again, and many that differ in their last byte or their length alone.
      const bytes = pieceOf(length, random).map((byte, at) => (at < length ? byte % 5 : byte));
      const name = Buffer.from(bytes.subarray(0, length)).toString('hex');
      const [head, tail] = [headOf(bytes, 0, length), tailOf(bytes, 0, length)];
      const known = recallShortPiece(pieces, head, tail, length);
      if (known > 0) recalled++;
      if (known > 0 && known !== counts.get(name)) expect({ name, known }).toEqual({ name, known: counts.get(name) });
      const count = counts.get(name) ?? 1 + Math.floor(random() * length);
      counts.set(name, count);
      rememberShortPiece(pieces, head, tail, length, count);
      expect(recallShortPiece(pieces, head, tail, length)).toBe(count);
    }
    expect(recalled).toBeGreaterThan(1_000);
  });
});

describe('the counts of pieces of nine to sixteen bytes', () => {
  test('are those of the same bytes, or none', () => {
    const random = randomFrom(34);
    const pieces = createMediumPieces();
    for (let round = 0; round < 5_000; round++) {
      const length = 9 + Math.floor(random() * 8);
      const bytes = pieceOf(length, random);
      const slot = mediumSlot(bytes, 0, length);
      const count = 1 + Math.floor(random() * length);
      rememberMediumPiece(pieces, slot, bytes, 0, length, count);
      expect(recallMediumPiece(pieces, slot, bytes, 0, length)).toBe(count);
      // Other pieces that claim the same slot: one byte differs, or the length.
      for (let at = 0; at < length; at++) {
        const other = bytes.slice();
        other[at]! ^= 1 << (round % 8);
        if (recallMediumPiece(pieces, slot, other, 0, length) !== 0) expect.unreachable(`byte ${at} of ${length}`);
      }
      if (length > 9) expect(recallMediumPiece(pieces, slot, bytes, 0, length - 1)).toBe(0);
    }
  });

  test('what is no longer there is not taken for what came after it', () => {
    const random = randomFrom(35);
    const pieces = createMediumPieces();
    const counts = new Map<string, number>();
    let recalled = 0;
    for (let round = 0; round < 40_000; round++) {
      const length = 9 + Math.floor(random() * 8);
      // Few bytes in the middle of many that are the same, so that pieces come again.
      const bytes = pieceOf(length, random).map((byte, at) => (at >= length ? byte : at % 5 === 2 ? byte % 7 : 97));
      const name = Buffer.from(bytes.subarray(0, length)).toString('hex');
      const slot = mediumSlot(bytes, 0, length);
      const known = recallMediumPiece(pieces, slot, bytes, 0, length);
      if (known > 0) recalled++;
      if (known > 0 && known !== counts.get(name)) expect({ name, known }).toEqual({ name, known: counts.get(name) });
      const count = counts.get(name) ?? 1 + Math.floor(random() * length);
      counts.set(name, count);
      rememberMediumPiece(pieces, slot, bytes, 0, length, count);
    }
    expect(recalled).toBeGreaterThan(1_000);
  });
});

describe('the counts of longer pieces', () => {
  const hashOf = (bytes: Uint8Array): number => bytes.reduce(nextHash, 0);

  test('are those of the same bytes, or none', () => {
    const random = randomFrom(32);
    const cache = createPieceCache();
    for (let round = 0; round < 5_000; round++) {
      const length = 9 + Math.floor(random() * 24);
      const bytes = pieceOf(length, random).subarray(0, length);
      const hash = hashOf(bytes);
      expect(cachedCount(cache, bytes, 0, length, hash)).toBe(0);
      cacheCount(cache, bytes, 0, length, hash, 1 + (round % 30));
      expect(cachedCount(cache, bytes, 0, length, hash)).toBe(1 + (round % 30));
      // Another piece that claims the same hash: the bytes decide.
      const other = bytes.slice();
      other[length - 1]! ^= 1;
      expect(cachedCount(cache, other, 0, length, hash)).toBe(0);
      expect(cachedCount(cache, bytes, 0, length - 1, hash)).toBe(0);
    }
  });

  test('a piece that is too long for a slot is not remembered', () => {
    const cache = createPieceCache();
    const bytes = new Uint8Array(33).fill(97);
    cacheCount(cache, bytes, 0, 33, hashOf(bytes), 5);
    expect(cachedCount(cache, bytes, 0, 33, hashOf(bytes))).toBe(0);
  });
});

test('the slot of every pair of tokens lies within the cache of pairs', () => {
  const random = randomFrom(33);
  const { length } = createPairCache();
  for (let round = 0; round < 10_000; round++) {
    const slot = pairSlot(Math.floor((random() - 0.5) * 2 ** 32), Math.floor((random() - 0.5) * 2 ** 32));
    if (slot < 0 || slot + 3 > length || slot % 4 !== 0) expect.unreachable(`slot ${slot} of ${length}`);
  }
});
