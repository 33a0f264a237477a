import { countPiece, WINDOW_BYTES, type Encoder } from './encoder.ts';
import { countLongPiece, type LongPieceCount } from './long-piece.ts';
import { SHORT_PIECE_BYTES } from './short-pieces.ts';
import { firstSafeBoundary, lastSafeBoundary, wholeCharacterEnd } from './safe-boundaries.ts';

/** UTF-16 units that are counted in one step where the text has safe boundaries. About a millisecond of the slowest text. */
export const CHUNK_UNITS = 4_096;

/** A stretch without any safe boundary is cut here at last, so that memory stays bounded. */
const LONGEST_CHUNK_UNITS = 1_048_576;

/** How far one step searches for a safe boundary. */
const SEARCH_UNITS = 65_536;

/** The count of a text, done step by step; each step is short. */
export interface TextCount {
  /** Does one step. False once the whole text is counted. */
  step(): boolean;
  /** Tokens of what is counted so far. */
  readonly tokens: number;
}

const utf8 = new TextEncoder();

/** Texts up to this length are written byte by byte where they are ASCII: to call the engine's encoder takes as long as all the rest. */
const TINY_TEXT_UNITS = 32;

/** Short texts are written here, after room for a tiny one that comes before. */
const sharedBytes = new Uint8Array(TINY_TEXT_UNITS + 3 * CHUNK_UNITS + SHORT_PIECE_BYTES);
const textBytes = sharedBytes.subarray(TINY_TEXT_UNITS);

/** The tokens of a short text, at once; with `before`, of the two as one text. */
export function countChunk(encoder: Encoder, text: string, before = ''): number {
  const start = TINY_TEXT_UNITS - before.length;
  if (before !== '' && !writeTiny(before, start)) return countChunk(encoder, before + text);
  const written = writeTiny(text, TINY_TEXT_UNITS) ? text.length : utf8.encodeInto(text, textBytes).written;
  const end = TINY_TEXT_UNITS + written;
  sharedBytes[end] = 0;
  return countPieces(encoder, sharedBytes, start, end);
}

/** Writes a tiny text of ASCII; false for any other. */
function writeTiny(text: string, start: number): boolean {
  const { length } = text;
  if (length > TINY_TEXT_UNITS) return false;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return false;
    sharedBytes[start + at] = unit;
  }
  return true;
}

function countPieces(encoder: Encoder, bytes: Uint8Array, start: number, end: number): number {
  const { pieceEnd } = encoder;
  let tokens = 0;
  for (let at = start; at < end;) {
    const next = pieceEnd(bytes, at, end);
    tokens += next - at <= WINDOW_BYTES ? countPiece(encoder, bytes, at, next) : countWhole(encoder, bytes, at, next);
    at = next;
  }
  return tokens;
}

function countWhole(encoder: Encoder, bytes: Uint8Array, start: number, end: number): number {
  const piece = countLongPiece(encoder, bytes, start, end);
  while (piece.step());
  return piece.tokens;
}

/** Begins to count a text of any length. */
export function createTextCount(encoder: Encoder, text: string): TextCount {
  let at = 0;
  /** Tokens of all but the stretch that is being counted. */
  let settled = 0;
  /** Up to where no safe boundary was found, while one is searched. */
  let searched = 0;
  let stretch: TextCount | undefined;

  const countStretch = (started: TextCount): boolean => {
    const isMore = started.step();
    count.tokens = settled + started.tokens;
    if (isMore) return true;
    settled = count.tokens;
    stretch = undefined;
    return at < text.length;
  };

  const searchFurther = (): void => {
    const last = Math.min(text.length, at + LONGEST_CHUNK_UNITS);
    const to = Math.min(last, searched + SEARCH_UNITS);
    const boundary = firstSafeBoundary(text, searched, to);
    searched = boundary;
    if (boundary === to && to < last) return;
    const end = wholeCharacterEnd(text, boundary);
    stretch = createStretchCount(encoder, text.slice(at, end));
    at = end;
  };

  const count = {
    tokens: 0,
    step() {
      if (stretch !== undefined) return countStretch(stretch);
      if (searched <= at) {
        const boundary = lastSafeBoundary(text, at, at + CHUNK_UNITS);
        if (boundary > at) {
          settled += countChunk(encoder, text.slice(at, boundary));
          count.tokens = settled;
          at = boundary;
          return at < text.length;
        }
        searched = at + CHUNK_UNITS;
      }
      searchFurther();
      return true;
    },
  };
  return count;
}

/** Bytes that one step of a stretch takes. */
const STEP_BYTES = 1_024;

/** Counts a stretch that has no safe boundary, so that its pieces may be as long as the stretch itself. */
function createStretchCount(encoder: Encoder, text: string): TextCount {
  const bytes = new Uint8Array(Buffer.byteLength(text) + SHORT_PIECE_BYTES);
  const end = utf8.encodeInto(text, bytes).written;
  let at = 0;
  /** Tokens of all but the long piece that is being counted. */
  let settled = 0;
  let piece: LongPieceCount | undefined;
  const count = {
    tokens: 0,
    step() {
      const stop = Math.min(end, at + STEP_BYTES);
      while (piece === undefined && at < stop) {
        const next = encoder.pieceEnd(bytes, at, end);
        if (next - at <= WINDOW_BYTES) settled += countPiece(encoder, bytes, at, next);
        else piece = countLongPiece(encoder, bytes, at, next);
        at = next;
      }
      for (let windows = 0; piece !== undefined && windows < STEP_BYTES / WINDOW_BYTES; windows++) {
        if (piece.step()) continue;
        settled += piece.tokens;
        piece = undefined;
      }
      count.tokens = settled + (piece?.tokens ?? 0);
      return piece !== undefined || at < end;
    },
  };
  return count;
}
