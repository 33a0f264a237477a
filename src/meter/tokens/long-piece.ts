import { WINDOW_BYTES, type Encoder } from './encoder.ts';
import { mergeTokens } from './merge.ts';

/** The count of one long piece, done window by window. */
export interface LongPieceCount {
  /** Counts one more window. False once the whole piece is counted. */
  step(): boolean;
  /** Tokens so far; some of the last may still be taken back. */
  readonly tokens: number;
}

/** Tokens at the end of a window that the cut may have made; they are encoded again with what follows. */
const UNCERTAIN_TOKENS = 2;

const MOST_ADDED_BYTES = 1024;

/**
 * Counts a piece of any length in windows, exactly. Tokens are the encoding of their bytes if and only if each two neighbours,
 * encoded together, give themselves again (the theorem behind github/rust-gems `bpe`). So a window is merged on its own, and
 * joined to what is accepted so far if the pair at the seam passes that test. If not, the last accepted token is taken back and
 * the window begins there; its end moves on with every try, so that at last the whole piece would be one window.
 */
export function countLongPiece(
  { merger }: Pick<Encoder, 'merger'>,
  bytes: Uint8Array,
  start: number,
  end: number,
  windowBytes = WINDOW_BYTES,
): LongPieceCount {
  const accepted = new Int32Array(end - start);
  let from = start;
  let tried = start;
  let addedBytes = windowBytes;

  const joins = (first: number, second: number, secondEnd: number): boolean =>
    mergeTokens(merger, bytes, first, secondEnd) === 2 && merger.next[0] === second - first;

  const count = {
    tokens: 0,
    step() {
      tried = Math.min(end, tried + addedBytes);
      const merged = mergeTokens(merger, bytes, from, tried);
      const isLast = tried === end;
      const sure = isLast ? merged : Math.max(0, merged - UNCERTAIN_TOKENS);
      const { tokens } = count;
      // Written down ahead of the test at the seam, which needs the merger's room.
      const firstEnd = from + merger.next[0]!;
      let sureEnd = from;
      for (let index = 0; index < sure; index++) {
        accepted[tokens + index] = sureEnd;
        sureEnd = from + merger.next[sureEnd - from]!;
      }
      if (sureEnd - from < addedBytes / 2) addedBytes = Math.min(MOST_ADDED_BYTES, 2 * addedBytes);
      if (sure > 0 && tokens > 0 && !joins(accepted[tokens - 1]!, from, firstEnd)) {
        count.tokens = tokens - 1;
        from = accepted[tokens - 1]!;
        return true;
      }
      count.tokens = tokens + sure;
      from = sureEnd;
      return !isLast;
    },
  };
  return count;
}
