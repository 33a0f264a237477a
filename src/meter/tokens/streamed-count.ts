import { mostTokensOf } from './bounds.ts';
import { isSafeBetween } from './safe-boundaries.ts';

/** Counts a text that arrives in pieces. */
export interface StreamedCount {
  /** Takes a delta and answers the tokens so far: exactly, or a little above inside a very long piece. */
  push(delta: string): number;
  /** The tokens of all that was pushed, exactly. */
  total(): number;
}

/** A tail without a safe boundary is counted again at every delta up to this length; above it only when it has grown by half. */
const SHORT_TAIL_UNITS = 64;

/**
 * Counts streamed text exactly, by a function that counts two strings as one text. What lies before a safe boundary is counted once and
 * forgotten; only the tail, mostly the last word, is counted again. Adding up the counts of the deltas would count up to twice too many.
 */
export function createStreamedCount(countAfter: (before: string, text: string) => number): StreamedCount {
  let settled = 0;
  let tail = '';
  let tailTokens = 0;
  let countedUnits = 0;
  let lastUnit = Number.NaN;

  const recount = (): void => {
    tailTokens = countAfter('', tail);
    countedUnits = tail.length;
  };

  /** The last safe boundary in the delta, seen from behind; -1 where it has none. The tail is not touched: it may be long. */
  const boundaryIn = (delta: string): number => {
    for (let index = delta.length - 1; index >= 0; index--) {
      if (isSafeBetween(index > 0 ? delta.charCodeAt(index - 1) : lastUnit, delta.charCodeAt(index))) return index;
    }
    return -1;
  };

  return {
    push(delta) {
      if (delta === '') return settled + tailTokens + mostTokensOf(tail.length - countedUnits);
      const boundary = boundaryIn(delta);
      lastUnit = delta.charCodeAt(delta.length - 1);
      if (boundary < 0) {
        tail += delta;
      } else {
        settled += countAfter(tail, delta.slice(0, boundary));
        tail = delta.slice(boundary);
        countedUnits = 0;
        tailTokens = 0;
      }
      if (tail.length <= SHORT_TAIL_UNITS || tail.length >= 1.5 * countedUnits) recount();
      return settled + tailTokens + mostTokensOf(tail.length - countedUnits);
    },
    total() {
      if (countedUnits < tail.length) recount();
      return settled + tailTokens;
    },
  };
}
