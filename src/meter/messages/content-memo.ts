import { hash } from 'node:crypto';

/** Texts shorter than this are counted faster than they are looked up. */
const SHORTEST_UNITS = 256;

/** Entries of one generation. An entry takes about a hundred bytes, whatever the length of its text. */
const GENERATION_SIZE = 4_096;

/** The key of a text in a content memo: not the text, only its digest is kept. Undefined for a text that is too short for it to pay. */
export const contentKey = (tokenizer: string, text: string): string | undefined =>
  text.length < SHORTEST_UNITS ? undefined : `${tokenizer}:${text.length}:${hash('sha256', text, 'base64')}`;

/** Counts by content. */
export interface ContentMemo {
  get(key: string): number | undefined;
  set(key: string, tokens: number): void;
}

/**
 * Remembers counts by content, in two generations: a full young generation becomes the old one, what is asked for again moves
 * back to the young. Nothing is evicted one by one, and a history that a framework clones at every turn is not counted again.
 */
export function createContentMemo(): ContentMemo {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  const set = (key: string, tokens: number): void => {
    if (young.size >= GENERATION_SIZE) [old, young] = [young, new Map()];
    young.set(key, tokens);
  };
  return {
    set,
    get(key) {
      const fresh = young.get(key);
      if (fresh !== undefined) return fresh;
      const tokens = old.get(key);
      if (tokens !== undefined) set(key, tokens);
      return tokens;
    },
  };
}
