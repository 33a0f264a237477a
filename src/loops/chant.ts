import { hashNumbers, hashText, shortHash } from './hash.ts';

/** A stretch of text that goes round. */
export interface Chant {
  readonly kind: 'chant' | 'same-paragraph';
  readonly identity: number;
  /** Characters of one lap. */
  readonly size: number;
  readonly laps: number;
}

export interface ChantState {
  tail: string;
  /** Characters since the tail was last looked at. */
  unseen: number;
  isInCode: boolean;
  paragraph: string;
  paragraphs: number[];
}

const TAIL_SIZE = 4096;
const LOOK_EVERY = 128;
const PERIOD_MAX = 1024;
/** So much text must be covered by laps, and so many laps there must be; short units (rules, dots, zeros) need more. */
const COVERED_LEAST = 240;
const LAPS_LEAST = 4;
const SHORT_UNIT = 16;
const SHORT_UNIT_COVERED = 800;
/** Code and tables repeat themselves by nature. */
const CODE_FACTOR = 3;
const PARAGRAPH_LEAST = 60;
const PARAGRAPH_MOST = 2000;
const PARAGRAPHS_KEPT = 16;
const SAME_PARAGRAPHS = 4;

/**
 * Looks at a text while it streams. O(tail) every 128 characters, so about 32 comparisons a character; memory is the tail.
 * Laps are found by the prefix function (Knuth, Morris, Pratt 1977) of the reversed tail: its shortest period is the lap.
 */
export function chantDetector(restored?: ChantState) {
  const state: ChantState = restored ?? { tail: '', unseen: 0, isInCode: false, paragraph: '', paragraphs: [] };
  return {
    push(delta: string): Chant | undefined {
      let found: Chant | undefined;
      for (let from = 0; from < delta.length && found === undefined; from += LOOK_EVERY)
        found = take(state, delta.slice(from, from + LOOK_EVERY));
      return found;
    },
    save: (): ChantState => structuredClone(state),
  };
}

function take(state: ChantState, piece: string): Chant | undefined {
  const fences = (state.tail.slice(-2) + piece).split('```').length - state.tail.slice(-2).split('```').length;
  if (fences % 2 === 1) state.isInCode = !state.isInCode;
  state.tail = (state.tail + piece).slice(-TAIL_SIZE);
  state.unseen += piece.length;
  const paragraph = takeParagraphs(state, piece);
  if (paragraph !== undefined) return paragraph;
  if (state.unseen < LOOK_EVERY) return undefined;
  state.unseen = 0;
  return lapsOf(state);
}

function lapsOf({ tail, isInCode }: ChantState): Chant | undefined {
  const found = bestPeriod(tail);
  if (found === undefined) return undefined;
  const { period, covered } = found;
  const least = (period < SHORT_UNIT ? SHORT_UNIT_COVERED : COVERED_LEAST) * (isInCode ? CODE_FACTOR : 1);
  const laps = Math.floor(covered / period);
  if (covered < least || laps < LAPS_LEAST) return undefined;
  const lap = tail.slice(-period);
  // Rules, dots and blank lines are layout, however many.
  if (!/[\p{L}\p{N}]/u.test(lap)) return undefined;
  return { kind: 'chant', identity: hashNumbers(7, period, new Set(lap).size), size: period, laps };
}

/** The period that covers most of the end of a text, and how much it covers. */
function bestPeriod(tail: string): { period: number; covered: number } | undefined {
  const length = tail.length;
  const prefix = new Int32Array(length);
  let best: { period: number; covered: number } | undefined;
  for (let index = 1, matched = 0; index < length; index++) {
    const unit = tail.charCodeAt(length - 1 - index);
    while (matched > 0 && unit !== tail.charCodeAt(length - 1 - matched)) matched = prefix[matched - 1] ?? 0;
    if (unit === tail.charCodeAt(length - 1 - matched)) matched++;
    prefix[index] = matched;
    const period = index + 1 - matched;
    if (matched >= period && period <= PERIOD_MAX && (best === undefined || index + 1 > best.covered))
      best = { period, covered: index + 1 };
  }
  return best;
}

function takeParagraphs(state: ChantState, piece: string): Chant | undefined {
  const parts = (state.paragraph + piece).split(/\n\s*\n/);
  state.paragraph = (parts.pop() ?? '').slice(0, PARAGRAPH_MOST);
  for (const part of parts) {
    const text = part.trim().toLowerCase().replace(/\s+/g, ' ');
    if (text.length < PARAGRAPH_LEAST || state.isInCode || text.startsWith('|')) continue;
    const hash = hashText(text);
    state.paragraphs = [...state.paragraphs, hash].slice(-PARAGRAPHS_KEPT);
    const laps = state.paragraphs.filter((past) => past === hash).length;
    if (laps >= SAME_PARAGRAPHS) return { kind: 'same-paragraph', identity: hash, size: text.length, laps };
  }
  return undefined;
}

/** What a chant is told as; no word of it. */
export const reasonOf = ({ kind, size, laps, identity }: Chant, channel: 'text' | 'thinking'): string =>
  kind === 'chant'
    ? `the ${channel} repeats a stretch of ${size} characters ${laps} times (loop ${shortHash(identity)})`
    : `the ${channel} brought one paragraph of ${size} characters ${laps} times among the last ${PARAGRAPHS_KEPT} (loop ${shortHash(identity)})`;
