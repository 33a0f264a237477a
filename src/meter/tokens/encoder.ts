import { mergeTokens, createMergeRoom, type MergeRoom } from './merge.ts';
import { cacheCount, cachedCount, createPieceCache, type PieceCache } from './piece-cache.ts';
import { nextHash } from './piece-hash.ts';
import type { PieceEnd } from './piece-runs.ts';
import { NO_RANK, rankOf, type Vocabulary } from './vocabulary.ts';

/** A piece longer than this is counted window by window. */
export const WINDOW_BYTES = 128;

/** All that is needed to count in one encoding. */
export interface Encoder {
  readonly vocabulary: Vocabulary;
  readonly pieceEnd: PieceEnd;
  readonly cache: PieceCache;
  readonly room: MergeRoom;
}

export const createEncoder = (vocabulary: Vocabulary, pieceEnd: PieceEnd): Encoder => ({
  vocabulary,
  pieceEnd,
  cache: createPieceCache(),
  room: createMergeRoom(WINDOW_BYTES),
});

/** The tokens of a piece of at most {@link WINDOW_BYTES} bytes. */
export function countShortPiece({ vocabulary, cache, room }: Encoder, bytes: Uint8Array, start: number, end: number): number {
  if (end - start === 1) return 1;
  let hash = 0;
  for (let at = start; at < end; at++) hash = nextHash(hash, bytes[at]!);
  if (rankOf(vocabulary, bytes, start, end, hash) !== NO_RANK) return 1;
  const cached = cachedCount(cache, bytes, start, end, hash);
  if (cached > 0) return cached;
  const count = mergeTokens(vocabulary, bytes, start, end, room);
  cacheCount(cache, bytes, start, end, hash, count);
  return count;
}
