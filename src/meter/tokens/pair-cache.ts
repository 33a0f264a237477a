const SLOT_BITS = 14;
const INTEGERS_PER_SLOT = 4;

/**
 * Ranks of joined neighbours of late. Merging asks for the same pairs of tokens again and again, most of all for pairs that are no entry,
 * and the vocabulary is too large for the processor's cache. A slot holds the two tokens and the rank of the two joined; the newer pair
 * takes the slot. A token is told by its own rank, so a match is never wrong.
 */
export type PairCache = Int32Array;

export const createPairCache = (): PairCache => new Int32Array(INTEGERS_PER_SLOT << SLOT_BITS);

/** The slot of a pair of tokens: the place of its three integers. */
export function pairSlot(left: number, right: number): number {
  const mixed = Math.imul(left ^ Math.imul(right, 0x9e37_79b1), 0x85eb_ca6b);
  return ((mixed ^ (mixed >>> 15)) >>> (32 - SLOT_BITS)) * INTEGERS_PER_SLOT;
}
