import { digest, hashNumbers, hashText, PRIME_A, PRIME_B } from './hash.ts';

/** What one pass over a text gives. All hashes are of 32 or 53 bits. */
export interface Scan {
  /** Hash of the text without what changes by itself (clocks, durations, ids, addresses, line and process numbers, colours). */
  readonly settled: number;
  /** Hash of the same with every number lifted out: the form of the text. */
  readonly form: number;
  /** Hashes of its words in order, numbers lifted out; bounded. */
  readonly words: Int32Array;
  /** Numbers and mixed tokens that are no words (ids, paths' numbers): a small set of hashes. */
  readonly marks: readonly number[];
}

/** Beyond this many characters a text counts as it is: its rest goes into `settled` and `form` unread. */
const SCANNED_MAX = 65_536;
const WORDS_MAX = 2048;
const MARKS_MAX = 64;

const NUMBER = 1;
const VOLATILE = 2;

const wordHash = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash | 0;
};
const hashesOf = (text: string): ReadonlySet<number> => new Set(text.split(' ').map(wordHash));

/** A number after one of these words says where or when, not what. */
const LABELS = hashesOf('line lines pid process port attempt try request cell execution call elapsed took in out job thread observation');
const UNITS = hashesOf('ns us ms s sec secs second seconds min mins minute minutes');

const COUNTDOWNS = hashesOf('turns steps calls iterations rounds attempts actions messages moves tokens');

const ESCAPE = 27;
/** Characters below 128: 0 for what stands between words, else the character in lower case. All others are letters. */
const inWords = new Uint8Array(128).map((_, code) => {
  const isWord = (code >= 48 && code <= 57) || (code >= 97 && code <= 122);
  return isWord ? code : code >= 65 && code <= 90 ? code + 32 : 0;
});
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (code: number): boolean => (code < 128 ? (inWords[code] ?? 0) > 57 : !isWideSpace(code));
const isWideSpace = (code: number): boolean => code === 0xa0 || code === 0x3000 || (code >= 0x2000 && code <= 0x200b);

/** Characters are read from a copy in flat memory: twice as fast as asking the string for each. */
const flat = Buffer.alloc(SCANNED_MAX * 2);
const units = new Uint16Array(flat.buffer, flat.byteOffset, SCANNED_MAX);
const wordsRead = new Int32Array(WORDS_MAX);

/** Up to this many characters the way out of the language and back takes longer than copying them here. */
const COPIED_BY_HAND = 512;

/** Room for the words of one text, for a caller that is done with them before it scans the next. */
export const wordRoom = (): Int32Array => new Int32Array(WORDS_MAX);

/**
 * Reads a text once. Its words are a copy, or a view of `room`, which the next scan into it overwrites: fresh memory for them
 * cost a quarter of the judge's time.
 */
export function scan(text: string, room?: Int32Array): Scan {
  const words = room ?? wordsRead;
  // The two hashes of `hash.ts`, unrolled: this loop is most of the judge's work.
  let settledA = 1;
  let settledB = 2;
  let formA = 3;
  let formB = 4;
  let wordCount = 0;
  const marks: number[] = [];
  const end = Math.min(text.length, SCANNED_MAX);
  if (end <= COPIED_BY_HAND) for (let at = 0; at < end; at++) units[at] = text.charCodeAt(at);
  else flat.write(text, 'utf16le');
  let label = 0;
  let lastForm = 0;
  let plainTokens = 0;
  let index = 0;
  while (index < end) {
    if (units[index] === 32) {
      index++;
      continue;
    }
    const start = index;
    let hash = 0x811c9dc5 | 0;
    let digits = 0;
    for (; index < end; index++) {
      let unit = units[index] as number;
      if (unit < 128) {
        unit = inWords[unit] as number;
        if (unit === 0) break;
        if (unit < 58) digits++;
      } else if (isWideSpace(unit)) break;
      hash = Math.imul(hash ^ unit, 0x01000193);
    }
    const length = index - start;
    if (length === 0) {
      const code = units[index] as number;
      // Brackets, quotes and the like belong to the exact text, not to its form.
      if (code === ESCAPE) index = afterEscape(text, index, end);
      else {
        if (code > 32 && code < 128) {
          settledA = Math.imul(settledA ^ code, PRIME_A);
          settledB = Math.imul(settledB ^ code, PRIME_B);
        }
        index++;
      }
      continue;
    }
    let settledUnit = hash;
    let formUnit = NUMBER;
    if (length === 8 && units[index] === 45 && isUuid(text, start)) {
      index = start + UUID_LENGTH;
      settledUnit = VOLATILE;
      if (marks.length < MARKS_MAX) marks.push(hash);
      label = 0;
    } else if (digits === 0) {
      plainTokens++;
      formUnit = hash;
      if (wordCount < WORDS_MAX) words[wordCount++] = hash;
      label = hash;
    } else {
      if (marks.length < MARKS_MAX) marks.push(hash);
      if (digits === length) {
        const after = Math.max(afterClock(text, index, end), afterUnit(text, index, end));
        if (after > index || LABELS.has(label)) settledUnit = VOLATILE;
        index = after;
      } else if (isVolatileWord(text, start, index, digits)) settledUnit = VOLATILE;
      else if (wordCount < WORDS_MAX) words[wordCount++] = hash;
      label = 0;
    }
    settledA = Math.imul(settledA ^ settledUnit, PRIME_A);
    settledB = Math.imul(settledB ^ settledUnit, PRIME_B);
    // A row of numbers is one number in the form, however long.
    if (formUnit !== NUMBER || lastForm !== NUMBER) {
      formA = Math.imul(formA ^ formUnit, PRIME_A);
      formB = Math.imul(formB ^ formUnit, PRIME_B);
    }
    lastForm = formUnit;
  }
  // What is nothing but ids and clocks is an answer made of them: it counts as it is.
  const found = room === undefined ? words.slice(0, wordCount) : words.subarray(0, wordCount);
  if (plainTokens < 2) return { settled: hashText(text.trim()), form: hashText(text.trim()), words: found, marks };
  const rest = text.length > SCANNED_MAX ? hashText(text.slice(SCANNED_MAX)) : 0;
  return {
    settled: hashNumbers(digest({ a: settledA, b: settledB }), rest),
    form: hashNumbers(digest({ a: formA, b: formB }), rest),
    words: found,
    marks,
  };
}

/** The first words of a text as a plain list, for states that are saved. */
export function firstWords(words: Int32Array, most: number): number[] {
  const list: number[] = [];
  for (let index = 0; index < words.length && index < most; index++) list.push(words[index] as number);
  return list;
}

/** Behind a colour or cursor sequence. */
function afterEscape(text: string, from: number, end: number): number {
  let index = from + 1;
  if (text.charCodeAt(index) === 91) index++;
  while (index < end && index - from < 16 && !isLetter(text.charCodeAt(index))) index++;
  return index + 1;
}

/** Behind `12:04:31.250` whose first number ends at `from`, or behind the time of `2026-11-02T12:04:31Z`; `from` where there is none. */
function afterClock(text: string, from: number, end: number): number {
  if (text[from] !== ':' && text[from] !== '-') return from;
  CLOCK.lastIndex = from;
  const match = CLOCK.exec(text.length > end ? text.slice(0, end) : text);
  return match ? CLOCK.lastIndex : from;
}
const CLOCK = /(?::\d\d(?=\])|:\d\d:\d\d(?:[.,]\d+)?|-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)/y;

const ID_MAX = 128;
const UUID_LENGTH = 36;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;

function isUuid(text: string, start: number): boolean {
  UUID.lastIndex = start;
  return UUID.test(text);
}

/** Behind the unit of time that follows a number: `3 seconds`, `1.204s`; `from` where there is none. */
function afterUnit(text: string, from: number, end: number): number {
  let index = from;
  while (index < end && (text.charCodeAt(index) === 32 || text.charCodeAt(index) === 46 || isDigit(text.charCodeAt(index)))) index++;
  const start = index;
  while (index < end && index - start < 10 && isLetter(text.charCodeAt(index))) index++;
  if (index === start) return from;
  const unit = wordHash(text.slice(start, index).toLowerCase());
  return UNITS.has(unit) || (COUNTDOWNS.has(unit) && isLeft(text, index)) ? index : from;
}

/** `14 turns left`: what a host says of its own limit. */
function isLeft(text: string, from: number): boolean {
  LEFT.lastIndex = from;
  return LEFT.test(text);
}
const LEFT = /\s(?:left|remaining)\b/iy;

/** Durations such as `31ms`, hexadecimal ids and addresses, long random ids. */
function isVolatileWord(text: string, start: number, end: number, digits: number): boolean {
  const length = end - start;
  if (length <= 12 && UNITS.has(wordHash(text.slice(start + leadingDigits(text, start, end), end).toLowerCase()))) return true;
  // What is longer is no id but data, such as a picture's.
  if (length > ID_MAX) return false;
  if (length >= 8 && isHex(text, start, end)) return true;
  return (length >= 16 && digits >= 4) || (text[start] === '0' && text[start + 1] === 'x');
}

function isHex(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index) | 32;
    if (!(isDigit(text.charCodeAt(index)) || (code >= 97 && code <= 102))) return false;
  }
  return true;
}

function leadingDigits(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && isDigit(text.charCodeAt(index))) index++;
  return index - start;
}
