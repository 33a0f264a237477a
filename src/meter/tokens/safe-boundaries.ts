import { characterClass, classOf } from './character-classes.ts';

const { space, newline, number, upper, letter } = characterClass;
const APOSTROPHE = 0x27;
const SLASH = 0x2f;

const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800;
const isLetter = (kind: number): boolean => kind >= upper && kind <= letter;

/**
 * Whether a text may be cut between these two UTF-16 units so that the counts of the parts add up to that of the whole. No piece of
 * o200k_base or cl100k_base reaches over such a cut, and none looks over it:
 * before white space other than a line break, after anything that is not white space; after a line break, before anything that
 * is neither white space nor a slash; between letters and digits; after either of them before anything that is no mark and no
 * apostrophe. Half a surrogate pair is never told apart from the rest.
 */
export function isSafeBetween(before: number, after: number): boolean {
  if (isSurrogate(after)) return false;
  const afterKind = classOf(after);
  if (isSurrogate(before)) return afterKind === space;
  const beforeKind = classOf(before);
  if (afterKind === space) return beforeKind !== space && beforeKind !== newline;
  if (beforeKind === newline) return afterKind !== newline && after !== SLASH;
  if (isLetter(beforeKind)) return afterKind <= number && after !== APOSTROPHE;
  if (beforeKind === number) return afterKind < number ? after !== APOSTROPHE : isLetter(afterKind);
  return false;
}

const isSafeBoundary = (text: string, index: number): boolean => isSafeBetween(text.charCodeAt(index - 1), text.charCodeAt(index));

/** The last safe boundary in `(from, to]`, or `from` where there is none. The end of the text is always safe. */
export function lastSafeBoundary(text: string, from: number, to: number): number {
  if (to >= text.length) return text.length;
  for (let index = to; index > from; index--) {
    if (isSafeBoundary(text, index)) return index;
  }
  return from;
}

/** The first safe boundary in `[from, to)`, or `to` where there is none. */
export function firstSafeBoundary(text: string, from: number, to: number): number {
  for (let index = from; index < to; index++) {
    if (isSafeBoundary(text, index)) return index;
  }
  return to;
}

/** Where a text may be cut in need: at `index`, or one before it in the middle of a surrogate pair. */
export function wholeCharacterEnd(text: string, index: number): number {
  const isInsidePair = (text.charCodeAt(index - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(index) & 0xfc00) === 0xdc00;
  return isInsidePair ? index - 1 : index;
}
