/**
 * The kinds of characters that the pre-tokenisers tell apart. Ordered, so that one comparison asks a range:
 * from `upper` on a character is a letter or a mark, up to `letter` it is not a mark.
 */
export const characterClass = {
  other: 0,
  /** White space except CR and LF. */
  space: 1,
  /** CR or LF. */
  newline: 2,
  /** `\p{N}` */
  number: 3,
  /** `\p{Lu}` and `\p{Lt}` */
  upper: 4,
  /** `\p{Ll}` */
  lower: 5,
  /** `\p{Lm}` and `\p{Lo}`: letters that have no case. */
  letter: 6,
  /** `\p{M}` */
  mark: 7,
} as const;

const { other, space, newline, number, upper, lower, letter, mark } = characterClass;

/** In order: the first pattern that fits tells the class. */
const patterns: readonly (readonly [kind: number, pattern: RegExp])[] = [
  [newline, /^[\r\n]+$/u],
  [space, /^\s+$/u],
  [number, /^\p{N}+$/u],
  [upper, /^[\p{Lu}\p{Lt}]+$/u],
  [lower, /^\p{Ll}+$/u],
  [letter, /^[\p{Lm}\p{Lo}]+$/u],
  [mark, /^\p{M}+$/u],
];

/** The class that all characters of a short string share, by the engine's own Unicode tables; undefined where they differ. */
const sharedClass = (characters: string): number | undefined => patterns.find(([, pattern]) => pattern.test(characters))?.[0];

/** One page holds the classes of 256 code points; built when first asked for. There are 4,352 pages, each of 256 bytes. */
const pages: (Uint8Array | undefined)[] = Array.from({ length: 0x110000 >> 8 });

function buildPage(index: number): Uint8Array {
  const characters = Array.from({ length: 256 }, (_, low) => String.fromCodePoint((index << 8) | low));
  const shared = sharedClass(characters.join(''));
  const page =
    shared === undefined ? Uint8Array.from(characters, (character) => sharedClass(character) ?? other) : new Uint8Array(256).fill(shared);
  pages[index] = page;
  return page;
}

/** The class of a code point. */
export const classOf = (codePoint: number): number => (pages[codePoint >> 8] ?? buildPage(codePoint >> 8))[codePoint & 255]!;

/** The classes of ASCII. */
export const asciiClass: Uint8Array = buildPage(0).subarray(0, 128);

/** Bytes of the UTF-8 character that begins with this byte. */
export const widthOf = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);

/** The class of the character that begins at `at` in valid UTF-8. */
export function classAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return asciiClass[lead]!;
  if (lead < 0xe0) return classOf(((lead & 0x1f) << 6) | (bytes[at + 1]! & 0x3f));
  const middle = ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);
  if (lead < 0xf0) return classOf(((lead & 0x0f) << 12) | middle);
  return classOf(((lead & 0x07) << 18) | (middle << 6) | (bytes[at + 3]! & 0x3f));
}
