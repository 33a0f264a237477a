/** The multiplier of FNV-1a. */
const BASE = 0x0100_0193;

/**
 * The hash of a stretch and one more byte; the hash of nothing is 0. It need not resist attack: a match is always compared byte by
 * byte, and the tables do not grow with the text.
 */
export const nextHash = (hash: number, byte: number): number => (Math.imul(hash, BASE) + byte + 1) | 0;

/** Spreads a hash over the slots of a table; the caller masks it. */
export function slotOf(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  return mixed ^ (mixed >>> 13);
}

/** Whether two stretches hold the same bytes. */
export function isSamePiece(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let offset = 0; offset < length; offset++) {
    if (a[aStart + offset] !== b[bStart + offset]) return false;
  }
  return true;
}
