/** Texts longer than this are remembered by the identity of their message alone. */
const LONGEST_UNITS = 1_048_576;

/** UTF-16 units that one generation holds, each entry with what it takes beside its text. A unit takes a byte, or two outside of Latin-1. */
const GENERATION_UNITS = 4_194_304;
const ENTRY_UNITS = 128;

/** Texts that look alike where they are sampled: as many are told apart, then the one that was met first is forgotten. */
const MOST_ALIKE = 16;

/** Places at which a text is sampled. */
const SAMPLES = 16;

/** Counts by content. Bounded in size; nothing in it keeps a host's object, or a longer text that a text was cut from. */
export interface ContentMemo {
  /** The remembered count of a text; undefined where none is. */
  get(tokenizer: string, text: string): number | undefined;
  set(tokenizer: string, text: string, tokens: number): void;
}

interface Entry {
  readonly tokenizer: string;
  readonly text: string;
  readonly tokens: number;
}

type Generation = Map<number, Entry[]>;

/**
 * Remembers counts by content, in two generations: a full young generation becomes the old one, what is asked for again moves
 * back to the young. Nothing is evicted one by one, and a history that a framework makes anew at every turn is not counted again.
 *
 * A text is found by a few samples of it and then compared as a whole, so an answer is never that of another text. To compare two
 * texts takes a hundredth of the time of counting one, to hash one a tenth.
 */
export function createContentMemo(): ContentMemo {
  let young: Generation = new Map();
  let old: Generation = new Map();
  let youngUnits = 0;

  const keep = (key: number, entry: Entry): void => {
    const units = entry.text.length + ENTRY_UNITS;
    if (youngUnits + units > GENERATION_UNITS) {
      [old, young] = [young, new Map()];
      youngUnits = 0;
    }
    youngUnits += units;
    const alike = young.get(key);
    if (alike === undefined) young.set(key, [entry]);
    else if (alike.push(entry) > MOST_ALIKE) youngUnits -= (alike.shift()?.text.length ?? 0) + ENTRY_UNITS;
  };

  return {
    get(tokenizer, text) {
      if (!isKept(text)) return undefined;
      const key = sampleOf(text);
      const fresh = entryIn(young.get(key), tokenizer, text);
      if (fresh !== undefined) return fresh.tokens;
      const aged = entryIn(old.get(key), tokenizer, text);
      if (aged !== undefined) keep(key, aged);
      return aged?.tokens;
    },
    set(tokenizer, text, tokens) {
      if (!isKept(text)) return;
      const key = sampleOf(text);
      if (entryIn(young.get(key), tokenizer, text) === undefined) keep(key, { tokenizer, text: ownCopy(text), tokens });
    },
  };
}

const isKept = ({ length }: string): boolean => length <= LONGEST_UNITS;

/** The newest are looked at first: of histories that go on, the latest are met again soonest. */
function entryIn(alike: readonly Entry[] | undefined, tokenizer: string, text: string): Entry | undefined {
  if (alike === undefined) return undefined;
  for (let index = alike.length - 1; index >= 0; index--) {
    const entry = alike[index]!;
    if (entry.tokenizer === tokenizer && entry.text === text) return entry;
  }
  return undefined;
}

/** A number for a text, from its length and units at even distances, the last among them. */
function sampleOf(text: string): number {
  const { length } = text;
  let mixed = length;
  for (let sample = 1; sample <= SAMPLES; sample++) {
    mixed = Math.imul(mixed, 0x0100_0193) ^ text.charCodeAt(Math.floor((sample * (length - 1)) / SAMPLES));
  }
  return mixed;
}

/** The same text with memory of its own: a text that was cut out of a longer one would keep the whole of it. Joining copies. */
const ownCopy = (text: string): string => [text.slice(0, 1), text.slice(1)].join('');
