import type { Encoding } from '../families.ts';
import { countAfter, countNow, SHORT_TEXT_UNITS } from '../tokens/count.ts';
import { encoderLater, loadedEncoder } from '../tokens/encodings.ts';
import { createTextCount, type TextCount } from '../tokens/text-count.ts';

/** How the texts of a call are counted: by a vocabulary of the package, or by a tokenizer of the user's. */
export interface TextCounter {
  /** Counts remembered under one key are of one tokenizer. */
  readonly key: string;
  /** Whether it can answer at once. */
  isReady(): boolean;
  /** Makes it ready. */
  load(): Promise<void>;
  /** Counts a text at once. */
  count(text: string): number;
  /** Counts two strings as one text, at once. */
  countAfter(before: string, text: string): number;
  /** Begins a count that is done step by step. */
  begin(text: string): TextCount;
}

/** Counts exactly, in one of the two vocabularies. */
export function vocabularyCounter(encoding: Encoding): TextCounter {
  return {
    key: encoding,
    isReady: () => loadedEncoder(encoding) !== undefined,
    async load() {
      await encoderLater(encoding);
    },
    count: (text) => countNow(text, encoding),
    countAfter: (before, text) => countAfter(before, text, encoding),
    begin(text) {
      const encoder = loadedEncoder(encoding);
      if (encoder !== undefined && text.length > SHORT_TEXT_UNITS) return createTextCount(encoder, text);
      return countedAtOnce(() => countNow(text, encoding));
    },
  };
}

/** Counts by a function, in one step. */
export function functionCounter(key: string, count: (text: string) => number): TextCounter {
  return {
    key,
    isReady: () => true,
    load: () => Promise.resolve(),
    count,
    countAfter: (before, text) => count(before + text),
    begin: (text) => countedAtOnce(() => count(text)),
  };
}

function countedAtOnce(count: () => number): TextCount {
  const counted = {
    tokens: 0,
    step() {
      counted.tokens = count();
      return false;
    },
  };
  return counted;
}
