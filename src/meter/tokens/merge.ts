import { HASH_BASE, nextHash } from './piece-hash.ts';
import { NO_RANK, rankOf, type Vocabulary } from './vocabulary.ts';

/** Room for merging stretches, used again and again. After a merge `starts` holds where the tokens begin. */
export interface MergeRoom {
  /** The longest stretch that fits, in bytes. */
  readonly capacity: number;
  /** Where each part begins, counted from the start of the stretch; one more entry marks the end. */
  readonly starts: Int32Array;
  /** The rank of each part joined with the next. */
  readonly ranks: Int32Array;
  /** Hashes of the prefixes of the stretch. */
  readonly prefixHashes: Int32Array;
  /** Powers of the base of the hash. */
  readonly powers: Int32Array;
}

/** Makes room for stretches of up to `capacity` bytes. */
export function createMergeRoom(capacity: number): MergeRoom {
  const powers = new Int32Array(capacity + 1).fill(1);
  for (let exponent = 1; exponent <= capacity; exponent++) powers[exponent] = Math.imul(powers[exponent - 1]!, HASH_BASE);
  return {
    capacity,
    starts: new Int32Array(capacity + 1),
    ranks: new Int32Array(capacity + 1),
    prefixHashes: new Int32Array(capacity + 1),
    powers,
  };
}

/**
 * Byte pair merging of `bytes[start, end)`, which must fit into the room: the pair with the lowest rank is joined, leftmost
 * first, until no pair is an entry. Answers how many tokens are left.
 *
 * All pairs of the lowest rank are joined in one pass from left to right, which also finds the next lowest. Where a join
 * makes a pair of a still lower rank, the rest of the pass joins nothing, for that pair comes first.
 */
export function mergeTokens(vocabulary: Vocabulary, bytes: Uint8Array, start: number, end: number, room: MergeRoom): number {
  const { starts, ranks, prefixHashes, powers } = room;
  const { pairs } = vocabulary;
  const length = end - start;
  let lowest = NO_RANK;
  let hash = 0;
  for (let at = 0; at < length; at++) {
    starts[at] = at;
    hash = nextHash(hash, bytes[start + at]!);
    prefixHashes[at + 1] = hash;
    const rank = at + 1 < length ? pairs[(bytes[start + at]! << 8) | bytes[start + at + 1]!]! : NO_RANK;
    ranks[at] = rank;
    if (rank < lowest) lowest = rank;
  }
  starts[length] = length;
  const joinedRank = (from: number, to: number): number =>
    rankOf(vocabulary, bytes, start + from, start + to, (prefixHashes[to]! - Math.imul(prefixHashes[from]!, powers[to - from]!)) | 0);

  let count = length;
  while (lowest !== NO_RANK) {
    let target = lowest;
    lowest = NO_RANK;
    let written = 0;
    for (let read = 0; read < count; read++) {
      const from = starts[read]!;
      let rank = ranks[read]!;
      if (rank === target) {
        read++;
        const to = starts[read + 1]!;
        rank = read + 1 < count ? joinedRank(from, starts[read + 2]!) : NO_RANK;
        if (written > 0) {
          const before = joinedRank(starts[written - 1]!, to);
          ranks[written - 1] = before;
          if (before < target) target = -1;
          if (before < lowest) lowest = before;
        }
        if (rank < target) target = -1;
      }
      starts[written] = from;
      ranks[written] = rank;
      if (rank < lowest) lowest = rank;
      written++;
    }
    starts[written] = length;
    count = written;
  }
  return count;
}
