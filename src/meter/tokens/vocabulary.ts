import { isSamePiece, slotOf } from './piece-hash.ts';

/** What `rankOf` answers for bytes that are no entry: larger than every rank. */
export const NO_RANK = 0x7fff_ffff;

/**
 * The entries of an encoding. A rank here is not the published number but the place of the entry's bytes, with its length in
 * the low byte: it keeps the order of the published ranks, which is all that merging needs, and leads to the bytes at once.
 */
export interface Vocabulary {
  /** The bytes of all entries, one after the other, in the order of their ranks. */
  readonly entries: Uint8Array;
  /** Open addressing: pairs of (hash, rank); rank 0 marks a free slot. */
  readonly table: Int32Array;
  readonly mask: number;
  /** The rank of each pair of bytes, by `first << 8 | second`: merging begins with pairs, so they get a table of their own. */
  readonly pairs: Int32Array;
}

/** The rank of `bytes[start, end)`, whose hash the caller has, or {@link NO_RANK}. */
export function rankOf({ entries, table, mask }: Vocabulary, bytes: Uint8Array, start: number, end: number, hash: number): number {
  const length = end - start;
  for (let slot = slotOf(hash) & mask; ; slot = (slot + 1) & mask) {
    const rank = table[2 * slot + 1]!;
    if (rank === 0) return NO_RANK;
    if (table[2 * slot] === hash && (rank & 0xff) === length && isSamePiece(entries, rank >>> 8, bytes, start, length)) return rank;
  }
}
