import { asciiClass, characterClass, classAt, widthOf } from './character-classes.ts';
import { contractionEnd, digitsEnd, othersEnd, spacesEnd } from './piece-runs.ts';

const { other, newline, number, upper, lower, mark } = characterClass;
const [SPACE, APOSTROPHE, ZERO, NINE] = [0x20, 0x27, 0x30, 0x39];
const [A, Z, SMALL_A, SMALL_Z] = [0x41, 0x5a, 0x61, 0x7a];
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SLASH = 0x2f;

/**
 * The pre-tokeniser of o200k_base by hand: what its regular expression matches at `start`, without the expression, so that no
 * text can make it slow. In the order of the alternatives: a word with at most one character before it, up to three digits,
 * punctuation with the line breaks after it, white space.
 */
export function o200kPieceEnd(bytes: Uint8Array, start: number, end: number): number {
  return plainWordEnd(bytes, start) || anyPieceEnd(bytes, start, end);
}

/**
 * The short way for most pieces of most texts: at most one character that is not a letter, at most one capital, then small letters, all
 * of ASCII. 0 where the piece is another one or where what follows may belong to it. Needs no end: the byte after the text is 0.
 */
function plainWordEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  let byte = bytes[at]!;
  if (byte < A && byte >= SPACE && (byte < ZERO || byte > NINE)) byte = bytes[++at]!;
  if (byte >= A && byte <= Z) byte = bytes[++at]!;
  if (byte < SMALL_A || byte > SMALL_Z) return 0;
  do byte = bytes[++at]!;
  while (byte >= SMALL_A && byte <= SMALL_Z);
  return byte < 0x80 && byte !== APOSTROPHE ? at : 0;
}

function anyPieceEnd(bytes: Uint8Array, start: number, end: number): number {
  const lead = bytes[start]!;
  const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, start);
  if (kind >= upper && kind !== mark) return wordEnd(bytes, start, start, end);
  if (kind === number) return digitsEnd(bytes, start, end);
  if (kind === newline) return spacesEnd(bytes, start, end);
  const next = start + widthOf(lead);
  const nextKind = next < end ? classAt(bytes, next) : newline;
  if (nextKind >= upper) return wordEnd(bytes, start, next, end);
  if (kind === mark) return contractionEnd(bytes, next, end);
  if (kind === other) return punctuationEnd(bytes, next, end);
  return lead === SPACE && nextKind === other ? punctuationEnd(bytes, next, end) : spacesEnd(bytes, start, end);
}

/**
 * `p?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+c?|p?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*c?`
 * where the letters begin at `from`, after a prefix or at the very start.
 */
function wordEnd(bytes: Uint8Array, start: number, from: number, end: number): number {
  let at = from;
  let afterCaseless = 0;
  let kind = 0;
  while (at < end) {
    const lead = bytes[at]!;
    kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, at);
    if (kind < upper || kind === lower) break;
    at += widthOf(lead);
    if (kind !== upper) afterCaseless = at;
  }
  if (at < end && kind === lower) return contractionEnd(bytes, lowerRunEnd(bytes, at, end), end);
  // No small letter follows the capitals: the first alternative gives them back down to the last caseless character.
  if (afterCaseless > 0 && afterCaseless < at) return afterCaseless;
  // All of it capitals after a mark: the first alternative takes the mark as the word and not as the prefix.
  if (afterCaseless === 0 && from > start && classAt(bytes, start) === mark) return from;
  return contractionEnd(bytes, at, end);
}

function lowerRunEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, at);
    if (kind < lower) break;
    at += widthOf(lead);
  }
  return at;
}

/** `[^\s\p{L}\p{N}]+[\r\n/]*`, its first character already taken. */
function punctuationEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = othersEnd(bytes, start, end);
  while (at < end && (bytes[at] === LINE_FEED || bytes[at] === CARRIAGE_RETURN || bytes[at] === SLASH)) at++;
  return at;
}
