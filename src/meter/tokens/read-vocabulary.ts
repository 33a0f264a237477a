import { nextHash, slotOf } from './piece-hash.ts';
import { NO_RANK, TAG_BITS, tagOf, type Vocabulary } from './vocabulary.ts';
import { createWholeCharacters, noteEntry } from './whole-characters.ts';

/** A vocabulary that is being read, step by step, so that a reader can give the event loop back between steps. */
export interface VocabularyReader {
  /** Reads some hundred entries. False once all are read. */
  step(): boolean;
  /** Whole only after the last step. */
  readonly vocabulary: Vocabulary;
}

/** Bytes that one step reads. The first steps of a process run uncompiled, some twenty times slower than the rest. */
const STEP_BYTES = 2_048;
const SPACE = 0x20;
const LINE_FEED = 0x0a;
const PADDING = 0x3d;

const sixBits = new Uint8Array(128);
for (const [value, character] of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').entries()) {
  sixBits[character] = value;
}

/**
 * Reads js-tiktoken's rank data: lines of `! <first rank> <base64> <base64> …`, ranks rising. One pass over its bytes;
 * no string is made per entry, which is what makes js-tiktoken's own loading slow.
 */
export function createVocabularyReader(data: Uint8Array): VocabularyReader {
  // A byte for the length and at most three bytes for each four characters; place 0 is left free, for rank 0 means none.
  const entries = new Uint8Array(Math.ceil(data.length * 0.75));
  const tableSize = 2 ** Math.ceil(Math.log2(data.length / 6));
  const vocabulary: Vocabulary = {
    entries,
    table: new Int32Array(tableSize),
    mask: tableSize - 1,
    pairs: new Int32Array(65_536).fill(NO_RANK),
    characters: createWholeCharacters(),
  };
  let at = 0;
  let filled = 1;
  let isLineStart = true;
  return {
    vocabulary,
    step() {
      const stop = Math.min(data.length, at + STEP_BYTES);
      while (at < stop) {
        if (isLineStart) at = data.indexOf(SPACE, data.indexOf(SPACE, at) + 1) + 1;
        const end = entryEnd(data, at);
        if (end > at) {
          const place = filled;
          filled = decodeBase64(data, at, end, entries, place + 1);
          addEntry(vocabulary, place, filled);
        }
        isLineStart = data[end] === LINE_FEED;
        at = end + 1;
      }
      return at < data.length;
    },
  };
}

function entryEnd(data: Uint8Array, start: number): number {
  let at = start;
  while (at < data.length && data[at]! > SPACE) at++;
  return at;
}

function decodeBase64(data: Uint8Array, start: number, end: number, target: Uint8Array, targetStart: number): number {
  let filled = targetStart;
  let bits = 0;
  let held = 0;
  for (let at = start; at < end && data[at] !== PADDING; at++) {
    bits = (bits << 6) | sixBits[data[at]!]!;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    target[filled++] = bits >>> held;
  }
  return filled;
}

function addEntry({ entries, table, mask, pairs, characters }: Vocabulary, place: number, end: number): void {
  const first = place + 1;
  let hash = 0;
  for (let at = first; at < end; at++) hash = nextHash(hash, entries[at]!);
  const spread = slotOf(hash);
  const rank = (place << TAG_BITS) | tagOf(spread);
  let slot = spread & mask;
  while (table[slot] !== 0) slot = (slot + 1) & mask;
  table[slot] = rank;
  entries[place] = end - first;
  if (end - first === 2) pairs[(entries[first]! << 8) | entries[first + 1]!] = rank;
  if (entries[first]! >= 0x80 || entries[end - 1]! >= 0x80) noteEntry(characters, entries, first, end, rank);
}
