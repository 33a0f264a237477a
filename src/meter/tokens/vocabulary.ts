import { isSamePiece, slotOf } from './piece-hash.ts';
import type { WholeCharacters } from './whole-characters.ts';

/** What `rankOf` answers for bytes that are no entry: larger than every rank. */
export const NO_RANK = 0x7fff_ffff;

/** Low bits of a rank that hold a part of the entry's hash; the place of the entry is above them. */
export const TAG_BITS = 10;
const TAG_MASK = (1 << TAG_BITS) - 1;

/**
 * The entries of an encoding. A rank here is not the published number but the place of the entry in `entries`, with some bits of
 * its hash below: it keeps the order of the published ranks, which is all that merging needs, and leads to the bytes at once.
 */
export interface Vocabulary {
  /** All entries in the order of their ranks, each as its length and its bytes. */
  readonly entries: Uint8Array;
  /** Open addressing over the hashes of the entries: ranks; 0 marks a free slot. */
  readonly table: Int32Array;
  readonly mask: number;
  /** The rank of each pair of bytes, by `first << 8 | second`: merging begins with pairs, so they get a table of their own. */
  readonly pairs: Int32Array;
  readonly characters: WholeCharacters;
}

/** The bits of a spread hash that a rank carries. */
export const tagOf = (spread: number): number => spread >>> (32 - TAG_BITS);

/** The rank of `bytes[start, end)`, whose hash the caller has, or {@link NO_RANK}. */
export function rankOf({ entries, table, mask }: Vocabulary, bytes: Uint8Array, start: number, end: number, hash: number): number {
  const spread = slotOf(hash);
  const tag = tagOf(spread);
  for (let slot = spread & mask; ; slot = (slot + 1) & mask) {
    const rank = table[slot]!;
    if (rank === 0) return NO_RANK;
    if ((rank & TAG_MASK) !== tag) continue;
    const place = rank >>> TAG_BITS;
    if (entries[place] === end - start && isSamePiece(entries, place + 1, bytes, start, end - start)) return rank;
  }
}
