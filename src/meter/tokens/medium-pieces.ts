import { fourBytes, SHORT_PIECE_BYTES } from './short-pieces.ts';

const SLOT_BITS = 12;
const INTEGERS_PER_SLOT = 8;
const COUNT_BITS = 5;

/** The longest piece that a slot can hold, in bytes. */
export const MEDIUM_PIECE_BYTES = 16;

/**
 * Counts of the pieces of late that have nine to sixteen bytes: a tenth of the words of prose, and most of them entries of the vocabulary,
 * which is far too large to stay in the processor's cache. A slot holds the first eight bytes and the last eight as four integers, then
 * length and count; the newer piece takes the slot.
 */
export type MediumPieces = Int32Array;

export const createMediumPieces = (): MediumPieces => new Int32Array(INTEGERS_PER_SLOT << SLOT_BITS);

/** The slot of a piece: the place of its integers. */
export function mediumSlot(bytes: Uint8Array, start: number, end: number): number {
  let mixed = end - start;
  for (let half = 0; half < 2; half++) {
    mixed = Math.imul(mixed ^ fourBytes(bytes, start + 4 * half), 0x9e37_79b1);
    mixed = Math.imul(mixed ^ (mixed >>> 15) ^ fourBytes(bytes, end - SHORT_PIECE_BYTES + 4 * half), 0x85eb_ca6b);
  }
  return ((mixed ^ (mixed >>> 13)) >>> (32 - SLOT_BITS)) * INTEGERS_PER_SLOT;
}

/** The count that a slot holds if it is of this piece, or 0. */
export function recallMediumPiece(pieces: MediumPieces, slot: number, bytes: Uint8Array, start: number, end: number): number {
  const lengthAndCount = pieces[slot + 4]!;
  if (lengthAndCount >> COUNT_BITS !== end - start) return 0;
  for (let half = 0; half < 2; half++) {
    if (pieces[slot + half] !== fourBytes(bytes, start + 4 * half)) return 0;
    if (pieces[slot + 2 + half] !== fourBytes(bytes, end - SHORT_PIECE_BYTES + 4 * half)) return 0;
  }
  return lengthAndCount & ((1 << COUNT_BITS) - 1);
}

/** Remembers the count of a piece in its slot. */
export function rememberMediumPiece(
  pieces: MediumPieces,
  slot: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
): void {
  for (let half = 0; half < 2; half++) {
    pieces[slot + half] = fourBytes(bytes, start + 4 * half);
    pieces[slot + 2 + half] = fourBytes(bytes, end - SHORT_PIECE_BYTES + 4 * half);
  }
  pieces[slot + 4] = ((end - start) << COUNT_BITS) | count;
}
