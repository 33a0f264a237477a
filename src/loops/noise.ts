import { nameWords } from './effect.ts';
import type { Leaf } from './leaves.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** A field that is called so is the answer, however it changes. */
const ANSWERS = words(
  'status state progress count counts percent percentage value values result results total totals remaining position page pages output ' +
    'text message content data body answer step steps stage phase level score price amount balance rate size length index offset cursor ' +
    'next previous row rows line lines version done left pending completed processed failed passed current roll reading',
);
/** A field that is called so says when and under which name something was answered. */
const NOISE = words(
  'time times elapsed duration took latency uptime timestamp ts at now date epoch id ids uuid guid nonce token request trace span ' +
    'correlation session salt etag seed random ms',
);

const NAME_MAX = 64;
const TOKEN_MAX = 128;
const RANDOM_LEAST = 8;
/** Smaller numbers are counts, sizes, dice: answers. */
const LARGE = 1_000_000;
const MIXED_LEAST = 3;

/** Whether a field that changes while nothing else does may be noise. `past` are its numbers so far, oldest first, the newest included. */
export function canBeNoise({ name, value, isListed }: Leaf, past: readonly number[]): boolean {
  if (isListed || (typeof value !== 'number' && typeof value !== 'string')) return false;
  const called = nameWords(name.slice(0, NAME_MAX));
  if (called.some((word) => ANSWERS.has(word))) return false;
  const isCalledNoise = called.some((word) => NOISE.has(word));
  if (typeof value === 'number') return isCalledNoise || (Math.abs(value) >= LARGE && !isSteady(past));
  return value.length <= TOKEN_MAX && (isCalledNoise ? !/\s\S+\s/.test(value) : looksRandom(value));
}

/** Numbers that only grow or only shrink are getting somewhere. */
function isSteady(past: readonly number[]): boolean {
  const moves = past
    .slice(1)
    .map((number, index) => Math.sign(number - (past[index] ?? number)))
    .filter((move) => move !== 0);
  return moves.every((move) => move === moves[0]);
}

/** One word in which letters and digits change places often, as no name or counter does: `q7f3k9x2`. */
const looksRandom = (text: string): boolean =>
  text.length >= RANDOM_LEAST && /^[\w+/=-]+$/.test(text) && (text.match(/[a-z]\d|\d[a-z]/gi) ?? []).length >= MIXED_LEAST;
