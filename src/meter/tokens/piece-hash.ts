import { fourBytes, headOf, SHORT_PIECE_BYTES, tailOf } from './short-pieces.ts';

/**
 * The hash of a stretch, read as integers instead of byte by byte. It need not resist attack: a match is always compared byte by byte,
 * and the tables do not grow with the text.
 */
export function hashOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  return length > SHORT_PIECE_BYTES
    ? hashOfLonger(bytes, start, end)
    : hashOfShort(headOf(bytes, start, length), tailOf(bytes, start, length), length);
}

/** {@link hashOf} a stretch of up to eight bytes, by its two integers. */
export function hashOfShort(head: number, tail: number, length: number): number {
  const joined = Math.imul(head ^ Math.imul(tail, 0x9e37_79b1), 0x85eb_ca6b) ^ length;
  const mixed = Math.imul(joined ^ (joined >>> 15), 0x2c1b_3c6d);
  return mixed ^ (mixed >>> 13);
}

/** {@link hashOf} a longer stretch: of its first eight bytes and its last eight, which are all of it up to sixteen. */
export function hashOfLonger(bytes: Uint8Array, start: number, end: number): number {
  let first = 0;
  let last = 0;
  for (let at = 0; at < SHORT_PIECE_BYTES; at += 4) {
    first = Math.imul(first, 0x2722_0a95) ^ fourBytes(bytes, start + at);
    last = Math.imul(last, 0x5851_f42d) ^ fourBytes(bytes, end - SHORT_PIECE_BYTES + at);
  }
  return hashOfShort(first, last, end - start);
}

/** Whether two stretches hold the same bytes. */
export function isSamePiece(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let offset = 0; offset < length; offset++) {
    if (a[aStart + offset] !== b[bStart + offset]) return false;
  }
  return true;
}
