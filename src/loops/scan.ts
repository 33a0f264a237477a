import { digest, feed, hasher } from './hash.ts';

/** What one pass over a text gives. All hashes are of 32 or 53 bits. */
export interface Scan {
  /** Hash of the text without what changes by itself (clocks, durations, ids, addresses, line and process numbers, colours). */
  readonly settled: number;
  /** Hash of the same with every number lifted out: the form of the text. */
  readonly form: number;
  /** Hashes of its words in order, numbers lifted out; bounded. */
  readonly words: readonly number[];
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
const LABELS = hashesOf('line lines pid process port attempt try request cell execution call elapsed took in out job thread');
const UNITS = hashesOf('ns us ms s sec secs second seconds min mins minute minutes');

const ESCAPE = 27;
const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13) || code === 160;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code > 160;

/** Reads a text once. */
export function scan(text: string): Scan {
  const settled = hasher(1);
  const form = hasher(2);
  const words: number[] = [];
  const marks = new Set<number>();
  const end = Math.min(text.length, SCANNED_MAX);
  let label = 0;
  let previousForm = 0;
  let plainTokens = 0;
  let index = 0;
  const put = (settledUnit: number, formUnit: number): void => {
    feed(settled, settledUnit);
    if (formUnit === previousForm && formUnit <= VOLATILE) return;
    previousForm = formUnit;
    feed(form, formUnit);
  };
  while (index < end) {
    const code = text.charCodeAt(index);
    if (isSpace(code)) {
      index++;
      continue;
    }
    if (code === ESCAPE) {
      index = afterEscape(text, index, end);
      continue;
    }
    const isWordStart = isLetter(code);
    if (!isWordStart && !isDigit(code)) {
      // Brackets, quotes and the like belong to the exact text, not to its form.
      feed(settled, code);
      index++;
      continue;
    }
    const start = index;
    let hash = 0x811c9dc5;
    let digits = 0;
    let isHex = true;
    for (; index < end; index++) {
      let unit = text.charCodeAt(index);
      if (isDigit(unit)) digits++;
      else if (isLetter(unit)) {
        if (unit >= 65 && unit <= 90) unit += 32;
        if (unit > 102) isHex = false;
      } else break;
      hash = Math.imul(hash ^ unit, 0x01000193);
    }
    hash |= 0;
    const length = index - start;
    if (length === 8 && isHex && text[index] === '-' && isUuid(text, start)) {
      index = start + UUID_LENGTH;
      put(VOLATILE, NUMBER);
      if (marks.size < MARKS_MAX) marks.add(hash);
      continue;
    }
    if (digits === 0) {
      plainTokens++;
      put(hash, hash);
      if (words.length < WORDS_MAX) words.push(hash);
      label = hash;
      continue;
    }
    if (marks.size < MARKS_MAX) marks.add(hash);
    if (digits === length) {
      const after = afterClock(text, index, end);
      if (after > index) {
        index = after;
        put(VOLATILE, NUMBER);
      } else put(LABELS.has(label) || isBeforeUnit(text, index, end) ? VOLATILE : hash, NUMBER);
    } else if (isVolatileWord(text, start, index, digits, isHex)) put(VOLATILE, NUMBER);
    else {
      put(hash, NUMBER);
      if (words.length < WORDS_MAX) words.push(hash);
    }
    label = 0;
  }
  for (; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    feed(settled, unit);
    feed(form, unit);
  }
  // What is nothing but ids and clocks is an answer made of them: it counts as it is.
  if (plainTokens < 2) return { settled: exact(text), form: exact(text), words, marks: [...marks] };
  return { settled: digest(settled), form: digest(form), words, marks: [...marks] };
}

function exact(text: string): number {
  const hash = hasher(3);
  const trimmed = text.trim();
  for (let index = 0; index < trimmed.length; index++) feed(hash, trimmed.charCodeAt(index));
  return digest(hash);
}

/** Behind a colour or cursor sequence. */
function afterEscape(text: string, from: number, end: number): number {
  let index = from + 1;
  if (text[index] === '[') index++;
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
const CLOCK = /(?::\d\d:\d\d(?:[.,]\d+)?|-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)/y;

const UUID_LENGTH = 36;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;

function isUuid(text: string, start: number): boolean {
  UUID.lastIndex = start;
  return UUID.test(text);
}

/** Whether a unit of time follows a number: `3 seconds`, `0.31s` in two tokens. */
function isBeforeUnit(text: string, from: number, end: number): boolean {
  let index = from;
  while (index < end && (text.charCodeAt(index) === 32 || text.charCodeAt(index) === 46 || isDigit(text.charCodeAt(index)))) index++;
  const start = index;
  while (index < end && index - start < 8 && isLetter(text.charCodeAt(index))) index++;
  return index > start && UNITS.has(wordHash(text.slice(start, index).toLowerCase()));
}

/** Durations such as `31ms`, hexadecimal ids and addresses, long random ids. */
function isVolatileWord(text: string, start: number, end: number, digits: number, isHex: boolean): boolean {
  const length = end - start;
  if (length <= 12 && UNITS.has(wordHash(text.slice(start + leadingDigits(text, start, end), end).toLowerCase()))) return true;
  if (isHex && length >= 8 && length > digits) return true;
  return (length >= 16 && digits >= 4) || (text[start] === '0' && text[start + 1] === 'x');
}

function leadingDigits(text: string, start: number, end: number): number {
  let index = start;
  while (index < end && isDigit(text.charCodeAt(index))) index++;
  return index - start;
}
