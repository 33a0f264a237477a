const SLOT_BITS = 14;
const INTEGERS_PER_SLOT = 4;
const COUNT_BITS = 4;

/** The longest piece that a slot can hold, in bytes. An array that pieces are read from must reach this far beyond its text. */
export const SHORT_PIECE_BYTES = 8;

/**
 * Counts of the short pieces of late, in a table small enough for the processor's own cache: most words of a text are met again soon,
 * and the vocabulary is far too large to stay there. A piece of up to eight bytes is read as two integers, so it is neither hashed
 * nor compared byte by byte. A slot holds these two, then length and count; the newer piece takes the slot.
 */
export type ShortPieces = Int32Array;

export const createShortPieces = (): ShortPieces => new Int32Array(INTEGERS_PER_SLOT << SLOT_BITS);

/** Which of four bytes belong to a piece of each length: of its first four, and of the four after them. */
const headMask = Int32Array.of(0, 0xff, 0xffff, 0xff_ffff, -1, -1, -1, -1, -1);
const tailMask = Int32Array.of(0, 0, 0, 0, 0, 0xff, 0xffff, 0xff_ffff, -1);

/** Four bytes as an integer. */
export const fourBytes = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** The first four bytes of a short piece as an integer. */
export const headOf = (bytes: Uint8Array, start: number, length: number): number => fourBytes(bytes, start) & headMask[length]!;

/** The further bytes of a short piece as an integer. */
export const tailOf = (bytes: Uint8Array, start: number, length: number): number => fourBytes(bytes, start + 4) & tailMask[length]!;

function slotFor(head: number, tail: number): number {
  const mixed = Math.imul(head ^ Math.imul(tail, 0x9e37_79b1), 0x85eb_ca6b);
  return (mixed >>> (32 - SLOT_BITS)) * INTEGERS_PER_SLOT;
}

/** The remembered count of a short piece, or 0. */
export function recallShortPiece(pieces: ShortPieces, head: number, tail: number, length: number): number {
  const slot = slotFor(head, tail);
  const lengthAndCount = pieces[slot + 2]!;
  const isSame = pieces[slot] === head && pieces[slot + 1] === tail && lengthAndCount >> COUNT_BITS === length;
  return isSame ? lengthAndCount & ((1 << COUNT_BITS) - 1) : 0;
}

/** Remembers the count of a short piece. */
export function rememberShortPiece(pieces: ShortPieces, head: number, tail: number, length: number, count: number): void {
  const slot = slotFor(head, tail);
  pieces[slot] = head;
  pieces[slot + 1] = tail;
  pieces[slot + 2] = (length << COUNT_BITS) | count;
}
