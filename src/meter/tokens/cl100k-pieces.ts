import { asciiClass, characterClass, classAt, widthOf } from './character-classes.ts';
import { contractionEnd, digitsEnd, othersEnd, spacesEnd } from './piece-runs.ts';

const { other, newline, number, upper, mark } = characterClass;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/**
 * The pre-tokeniser of cl100k_base by hand. In the order of the alternatives: a contraction, letters with at most one
 * character before them, up to three digits, punctuation (marks are part of it) with the line breaks after it, white space.
 */
export function cl100kPieceEnd(bytes: Uint8Array, start: number, end: number): number {
  return plainWordEnd(bytes, start) || anyPieceEnd(bytes, start, end);
}

/**
 * The short way for most pieces of most texts: at most one space, then letters, all of ASCII. 0 where the piece is another one or
 * where what follows may belong to it. Needs no end: the byte after the text is 0.
 */
function plainWordEnd(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === SPACE ? start + 1 : start;
  if (!isAsciiLetter(bytes[at]!)) return 0;
  do at++;
  while (isAsciiLetter(bytes[at]!));
  return bytes[at]! < 0x80 ? at : 0;
}

const isAsciiLetter = (byte: number): boolean => (byte | SPACE) >= 0x61 && (byte | SPACE) <= 0x7a;

function anyPieceEnd(bytes: Uint8Array, start: number, end: number): number {
  const lead = bytes[start]!;
  const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, start);
  if (kind >= upper && kind !== mark) return lettersEnd(bytes, start, end);
  if (kind === number) return digitsEnd(bytes, start, end);
  if (kind === newline) return spacesEnd(bytes, start, end);
  const contraction = contractionEnd(bytes, start, end);
  if (contraction > start) return contraction;
  const next = start + widthOf(lead);
  const nextKind = next < end ? classAt(bytes, next) : newline;
  if (nextKind >= upper && nextKind !== mark) return lettersEnd(bytes, next, end);
  if (kind === other || kind === mark) return punctuationEnd(bytes, next, end);
  const isPunctuation = lead === SPACE && (nextKind === other || nextKind === mark);
  return isPunctuation ? punctuationEnd(bytes, next, end) : spacesEnd(bytes, start, end);
}

/** `\p{L}+` */
function lettersEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, at);
    if (kind < upper || kind === mark) break;
    at += widthOf(lead);
  }
  return at;
}

/** `[^\s\p{L}\p{N}]+[\r\n]*`, its first character already taken. */
function punctuationEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = othersEnd(bytes, start, end);
  while (at < end && (bytes[at] === LINE_FEED || bytes[at] === CARRIAGE_RETURN)) at++;
  return at;
}
