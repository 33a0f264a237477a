import { createPairCache, pairSlot, type PairCache } from './pair-cache.ts';
import { nextHash } from './piece-hash.ts';
import { NO_RANK, rankOf, type Vocabulary } from './vocabulary.ts';
import { codePointAt, wholeWidth } from './whole-characters.ts';

/**
 * Merges stretches of text over one vocabulary. A part of a stretch is named by the place of its first byte, counted from the start of
 * the stretch; parts are a list linked both ways. What a merge leaves here is good until the next.
 */
export interface Merger {
  readonly vocabulary: Vocabulary;
  readonly pairCache: PairCache;
  /** How many parts there are. */
  count: number;
  /** The part that follows each part; the length of the stretch after the last. */
  next: Int32Array;
  previous: Int32Array;
  /** Which token each part is: its rank, or a negative number for a single byte. */
  tokens: Int32Array;
  /** The rank of each part joined with the next; for what is no part any more, none. */
  ranks: Int32Array;
}

const FIRST_CAPACITY = 1024;

/** Makes a merger; its room grows where a longer stretch needs it. */
export const createMerger = (vocabulary: Vocabulary): Merger => ({
  vocabulary,
  pairCache: createPairCache(),
  count: 0,
  ...roomFor(FIRST_CAPACITY),
});

const roomFor = (capacity: number): Pick<Merger, 'next' | 'previous' | 'tokens' | 'ranks'> => ({
  next: new Int32Array(capacity + 1),
  previous: new Int32Array(capacity + 1),
  tokens: new Int32Array(capacity + 1),
  ranks: new Int32Array(capacity + 1),
});

/**
 * Byte pair merging of `bytes[start, end)`: the pair with the lowest rank is joined, leftmost first, until no pair is an entry.
 * Answers how many tokens are left; `next`, from 0 on, tells where they begin.
 *
 * All pairs of the lowest rank are joined in one pass from left to right, which also finds the next lowest. Where a join
 * makes a pair of a still lower rank, the rest of the pass joins nothing, for that pair comes first.
 */
export function mergeTokens(merger: Merger, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length >= merger.next.length) Object.assign(merger, roomFor(2 * length));
  const { ranks } = merger;
  for (let lowest = split(merger, bytes, start, length); lowest !== NO_RANK;) {
    let target = lowest;
    lowest = NO_RANK;
    for (let part = 0; part < length; part++) {
      const rank = ranks[part]!;
      if (rank !== target) {
        if (rank < lowest) lowest = rank;
        continue;
      }
      const made = join(merger, bytes, start, length, part);
      if (made < lowest) lowest = made;
      if (made < target) target = -1;
    }
  }
  return merger.count;
}

/** Begins with single bytes and whole characters; answers the lowest rank among their pairs. */
function split(merger: Merger, bytes: Uint8Array, start: number, length: number): number {
  const { next, previous, tokens, ranks } = merger;
  const { pairs, characters } = merger.vocabulary;
  let lowest = NO_RANK;
  let before = -1;
  let count = 0;
  for (let part = 0; part < length;) {
    const width = wholeWidth(characters, bytes, start, start + part, start + length);
    const token = width === 1 ? bytes[start + part]! - 256 : characters.ranks[codePointAt(bytes, start + part, width)]!;
    tokens[part] = token;
    next[part] = part + width;
    previous[part] = before;
    for (let inner = part + 1; inner < part + width; inner++) ranks[inner] = NO_RANK;
    if (before >= 0) {
      const left = tokens[before]!;
      const isPairOfBytes = left < 0 && token < 0;
      const rank = isPairOfBytes
        ? pairs[((left + 256) << 8) | (token + 256)]!
        : joinedRank(merger, bytes, left, token, start + before, start + part + width);
      ranks[before] = rank;
      if (rank < lowest) lowest = rank;
    }
    before = part;
    part += width;
    count++;
  }
  ranks[before] = NO_RANK;
  merger.count = count;
  return lowest;
}

/** Joins a part with the next and ranks it anew with its neighbours; answers the lower of these two ranks. */
function join(merger: Merger, bytes: Uint8Array, start: number, length: number, part: number): number {
  const { next, previous, tokens, ranks } = merger;
  const taken = next[part]!;
  const after = next[taken]!;
  const before = previous[part]!;
  const token = ranks[part]!;
  tokens[part] = token;
  next[part] = after;
  previous[after] = part;
  ranks[taken] = NO_RANK;
  merger.count--;
  const right = after < length ? joinedRank(merger, bytes, token, tokens[after]!, start + part, start + next[after]!) : NO_RANK;
  ranks[part] = right;
  if (before < 0) return right;
  const left = joinedRank(merger, bytes, tokens[before]!, token, start + before, start + after);
  ranks[before] = left;
  return left < right ? left : right;
}

/** The rank of two neighbouring tokens joined, which together are `bytes[from, to)`. */
function joinedRank({ vocabulary, pairCache }: Merger, bytes: Uint8Array, left: number, right: number, from: number, to: number): number {
  const slot = pairSlot(left, right);
  if (pairCache[slot] === left && pairCache[slot + 1] === right) return pairCache[slot + 2]!;
  let hash = 0;
  for (let at = from; at < to; at++) hash = nextHash(hash, bytes[at]!);
  const rank = rankOf(vocabulary, bytes, from, to, hash);
  pairCache[slot] = left;
  pairCache[slot + 1] = right;
  pairCache[slot + 2] = rank;
  return rank;
}
