import {
  createMediumPieces,
  MEDIUM_PIECE_BYTES,
  mediumSlot,
  recallMediumPiece,
  rememberMediumPiece,
  type MediumPieces,
} from './medium-pieces.ts';
import { createMerger, mergeTokens, type Merger } from './merge.ts';
import { cacheCount, cachedCount, createPieceCache, type PieceCache } from './piece-cache.ts';
import { nextHash } from './piece-hash.ts';
import type { PieceEnd } from './piece-runs.ts';
import {
  createShortPieces,
  headOf,
  recallShortPiece,
  rememberShortPiece,
  SHORT_PIECE_BYTES,
  tailOf,
  type ShortPieces,
} from './short-pieces.ts';
import { NO_RANK, rankOf, type Vocabulary } from './vocabulary.ts';

/** A piece longer than this is counted window by window. */
export const WINDOW_BYTES = 64;

/** All that is needed to count in one encoding. */
export interface Encoder {
  readonly vocabulary: Vocabulary;
  readonly pieceEnd: PieceEnd;
  readonly shortPieces: ShortPieces;
  readonly mediumPieces: MediumPieces;
  readonly cache: PieceCache;
  readonly merger: Merger;
}

export const createEncoder = (vocabulary: Vocabulary, pieceEnd: PieceEnd): Encoder => ({
  vocabulary,
  pieceEnd,
  shortPieces: createShortPieces(),
  mediumPieces: createMediumPieces(),
  cache: createPieceCache(),
  merger: createMerger(vocabulary),
});

/** The tokens of a piece of at most {@link WINDOW_BYTES} bytes. Small, so that the engine takes it into the loop over the pieces. */
export function countPiece(encoder: Encoder, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 1) return 1;
  if (length > SHORT_PIECE_BYTES) return countLonger(encoder, bytes, start, end);
  const head = headOf(bytes, start, length);
  const tail = tailOf(bytes, start, length);
  return recallShortPiece(encoder.shortPieces, head, tail, length) || countShort(encoder, bytes, start, end, head, tail);
}

function countShort(encoder: Encoder, bytes: Uint8Array, start: number, end: number, head: number, tail: number): number {
  const count = countByVocabulary(encoder, bytes, start, end);
  rememberShortPiece(encoder.shortPieces, head, tail, end - start, count);
  return count;
}

function countLonger(encoder: Encoder, bytes: Uint8Array, start: number, end: number): number {
  if (end - start > MEDIUM_PIECE_BYTES) return countByVocabulary(encoder, bytes, start, end);
  const slot = mediumSlot(bytes, start, end);
  const recalled = recallMediumPiece(encoder.mediumPieces, slot, bytes, start, end);
  if (recalled > 0) return recalled;
  const count = countByVocabulary(encoder, bytes, start, end);
  rememberMediumPiece(encoder.mediumPieces, slot, bytes, start, end, count);
  return count;
}

function countByVocabulary({ vocabulary, cache, merger }: Encoder, bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = nextHash(hash, bytes[at]!);
  if (rankOf(vocabulary, bytes, start, end, hash) !== NO_RANK) return 1;
  const cached = cachedCount(cache, bytes, start, end, hash);
  if (cached > 0) return cached;
  const count = mergeTokens(merger, bytes, start, end);
  cacheCount(cache, bytes, start, end, hash, count);
  return count;
}
