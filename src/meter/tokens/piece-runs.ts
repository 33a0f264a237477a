import { asciiClass, characterClass, classAt, widthOf } from './character-classes.ts';

/**
 * Finds where the piece that begins at `start` ends. `bytes` is valid UTF-8, `end` is the end of the text, and a byte 0 follows it.
 */
export type PieceEnd = (bytes: Uint8Array, start: number, end: number) => number;

const { other, space, newline, number, mark } = characterClass;
const SPACE = 0x20;
const APOSTROPHE = 0x27;

/** `\p{N}{1,3}` from its first digit on. */
export function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start + widthOf(bytes[start]!);
  for (let digits = 1; digits < 3 && at < end && classAt(bytes, at) === number; digits++) at += widthOf(bytes[at]!);
  return at;
}

/** `[^\s\p{L}\p{N}]*` from any place in the run on. */
export function othersEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, at);
    if (kind !== other && kind !== mark) break;
    at += widthOf(lead);
  }
  return at;
}

/**
 * `\s*[\r\n]+|\s+(?!\S)|\s+` at white space: up to the last line break of the run if there is one; else the whole run at the
 * end of the text; else all but its last character, which belongs to what follows.
 */
export function spacesEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let last = start;
  let afterBreak = 0;
  while (at < end) {
    const lead = bytes[at]!;
    const kind = lead < 0x80 ? asciiClass[lead]! : classAt(bytes, at);
    if (kind !== space && kind !== newline) break;
    last = at;
    at += widthOf(lead);
    if (kind === newline) afterBreak = at;
  }
  if (afterBreak > 0) return afterBreak;
  return at === end || last === start ? at : last;
}

/** `('s|'t|'re|'ve|'m|'ll|'d)?` in either case: the end of the contraction at `at`, or `at` where there is none. */
export function contractionEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end || bytes[at] !== APOSTROPHE) return at;
  const first = bytes[at + 1]! | SPACE;
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return at + 2;
  if (at + 2 >= end) return at;
  const second = bytes[at + 2]! | SPACE;
  const isTwoLetters = ((first === 0x72 || first === 0x76) && second === 0x65) || (first === 0x6c && second === 0x6c);
  return isTwoLetters ? at + 3 : at;
}
