/**
 * Which characters of two or three bytes may be taken as one token from the start, instead of being merged out of their bytes: half of
 * the work for Chinese or Japanese, and the same tokens.
 *
 * Merging joins what lies on both sides of the seam of two characters before either is whole only if some entry holds a part of a
 * character and reaches over such a seam. The pairs of bytes at which entries do that are few, so they are kept. Where the pair at a
 * seam is not one of them, all that ever crosses it are whole characters, and what a whole character is joined into has a higher rank
 * than the character, because it was made of it (a test asks that of every entry).
 */
export interface WholeCharacters {
  /** The rank of each character of two or three bytes that is an entry, by its code point; 0 for the others. */
  readonly ranks: Int32Array;
  /** 1 for each pair of bytes, `last << 8 | first`, at which a part of a character is joined over the seam by some entry. */
  readonly crossed: Uint8Array;
}

export const createWholeCharacters = (): WholeCharacters => ({ ranks: new Int32Array(65_536), crossed: new Uint8Array(65_536) });

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Bytes of the character that begins with this byte; 1 for what begins none. */
const widthOf = (lead: number): number => (lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1);

/** The code point of a character of two or three bytes. */
export const codePointAt = (bytes: Uint8Array, at: number, width: number): number =>
  width === 2
    ? ((bytes[at]! & 0x1f) << 6) | (bytes[at + 1]! & 0x3f)
    : ((bytes[at]! & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);

/** Notes what an entry says about characters. */
export function noteEntry({ ranks, crossed }: WholeCharacters, entries: Uint8Array, start: number, end: number, rank: number): void {
  const width = widthOf(entries[start]!);
  if (width > 1 && width < 4 && end - start === width) ranks[codePointAt(entries, start, width)] = rank;
  if (!holdsPart(entries, start, end)) return;
  for (let at = start + 1; at < end; at++) {
    if (!isContinuation(entries[at]!)) crossed[(entries[at - 1]! << 8) | entries[at]!] = 1;
  }
}

/** Whether an entry begins or ends inside a character. */
function holdsPart(entries: Uint8Array, start: number, end: number): boolean {
  if (isContinuation(entries[start]!)) return true;
  let lead = end - 1;
  while (lead > start && isContinuation(entries[lead]!)) lead--;
  return lead + widthOf(entries[lead]!) > end;
}

/** The width of the character at `at` if it may be taken whole in the stretch `[start, end)`, else 1. */
export function wholeWidth({ ranks, crossed }: WholeCharacters, bytes: Uint8Array, start: number, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0xc2) return 1;
  const width = widthOf(lead);
  const after = at + width;
  if (width > 3 || after > end || ranks[codePointAt(bytes, at, width)] === 0) return 1;
  if (at > start && crossed[(bytes[at - 1]! << 8) | lead] === 1) return 1;
  return after < end && crossed[(bytes[after - 1]! << 8) | bytes[after]!] === 1 ? 1 : width;
}
