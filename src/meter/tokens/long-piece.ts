import { LONGEST_ENTRY_BYTES } from './bounds.ts';
import { WINDOW_BYTES, type Encoder } from './encoder.ts';
import { createMergeRoom, mergeTokens } from './merge.ts';

/** The count of one long piece, done window by window. */
export interface LongPieceCount {
  /** Counts one more window. False once the whole piece is counted. */
  step(): boolean;
  /** Tokens so far; some of the last may still be taken back. */
  readonly tokens: number;
}

/** Tokens at the end of a window that the cut may have made; they are encoded again with what follows. */
const UNCERTAIN_TOKENS = 2;

/**
 * Counts a piece of any length in windows, exactly. Tokens are the encoding of their bytes if and only if each two neighbours,
 * encoded together, give themselves again (the theorem behind github/rust-gems `bpe`). So a window is merged on its own, and
 * joined to what is accepted so far if the pair at the seam passes that test. If not, the last accepted token is taken back and
 * the window begins there; its end moves on with every try, so that in the end the whole piece would be one window.
 */
export function countLongPiece(encoder: Encoder, bytes: Uint8Array, start: number, end: number): LongPieceCount {
  const { vocabulary } = encoder;
  const accepted = new Int32Array(end - start);
  const pairRoom = createMergeRoom(2 * LONGEST_ENTRY_BYTES);
  let room = createMergeRoom(4 * WINDOW_BYTES);
  let tokens = 0;
  let from = start;
  let tried = start;

  const joins = (second: number, secondEnd: number): boolean => {
    const first = accepted[tokens - 1]!;
    return mergeTokens(vocabulary, bytes, first, secondEnd, pairRoom) === 2 && pairRoom.starts[1] === second - first;
  };

  return {
    get tokens() {
      return tokens;
    },
    step() {
      const to = Math.min(end, Math.max(from, tried) + WINDOW_BYTES);
      tried = to;
      if (to - from > room.capacity) room = createMergeRoom(2 * (to - from));
      const count = mergeTokens(vocabulary, bytes, from, to, room);
      const isLast = to === end;
      if (tokens > 0 && !joins(from, from + room.starts[1]!)) {
        from = accepted[--tokens]!;
        return true;
      }
      const sure = isLast ? count : Math.max(0, count - UNCERTAIN_TOKENS);
      for (let index = 0; index < sure; index++) accepted[tokens++] = from + room.starts[index]!;
      from += room.starts[sure]!;
      return !isLast;
    },
  };
}
