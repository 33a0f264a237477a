import { isSamePiece, slotOf } from './piece-hash.ts';

const SLOTS = 16_384;
const LONGEST_PIECE_BYTES = 32;

/**
 * Remembers the counts of short pieces that are no entry of the vocabulary. One slot per hash, the newer piece wins: nothing
 * grows, nothing is evicted one by one, and no text is kept beyond these 512 kB of bytes.
 */
export interface PieceCache {
  readonly pieces: Uint8Array;
  readonly hashes: Int32Array;
  /** Length in bytes; 0 marks a free slot. */
  readonly lengths: Uint8Array;
  readonly counts: Uint8Array;
}

export const createPieceCache = (): PieceCache => ({
  pieces: new Uint8Array(SLOTS * LONGEST_PIECE_BYTES),
  hashes: new Int32Array(SLOTS),
  lengths: new Uint8Array(SLOTS),
  counts: new Uint8Array(SLOTS),
});

/** The remembered count of a piece, or 0. */
export function cachedCount(cache: PieceCache, bytes: Uint8Array, start: number, end: number, hash: number): number {
  const slot = slotOf(hash) & (SLOTS - 1);
  const length = end - start;
  if (cache.lengths[slot] !== length || cache.hashes[slot] !== hash) return 0;
  return isSamePiece(cache.pieces, slot * LONGEST_PIECE_BYTES, bytes, start, length) ? cache.counts[slot]! : 0;
}

/** Remembers a count, where the piece is short enough. */
export function cacheCount(cache: PieceCache, bytes: Uint8Array, start: number, end: number, hash: number, count: number): void {
  const length = end - start;
  if (length > LONGEST_PIECE_BYTES) return;
  const slot = slotOf(hash) & (SLOTS - 1);
  const to = slot * LONGEST_PIECE_BYTES;
  for (let offset = 0; offset < length; offset++) cache.pieces[to + offset] = bytes[start + offset]!;
  cache.hashes[slot] = hash;
  cache.lengths[slot] = length;
  cache.counts[slot] = count;
}
