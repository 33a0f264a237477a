/**
 * Remembers pairs of neighbouring words in two generations of a bit field, so that memory stays at 16 KiB and old text fades.
 * Answers how much of a text was never read before in this run. A pair is wrongly taken as known in about 2 % of cases.
 */
const BITS = 1 << 16;
const BITS_MASK = BITS - 1;
const ITEMS_PER_GENERATION = 4096;
/** Longer texts are sampled: one pair in eight, chosen by its hash, so that the same pairs are chosen everywhere. */
const SAMPLED_ABOVE = 400;
const SAMPLE_MASK = 7;

export interface SeenWordsState {
  readonly young: string;
  readonly old: string;
  readonly count: number;
}

export function seenWords(restored?: SeenWordsState) {
  // Made when there is something to remember: most of what a short run makes is otherwise this.
  let young = restored && fieldOf(restored.young);
  let old = restored && fieldOf(restored.old);
  let count = restored?.count ?? 0;
  const has = (field: Uint8Array, bit: number): boolean => ((field[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  const set = (field: Uint8Array, bit: number): void => {
    field[bit >>> 3] = (field[bit >>> 3] ?? 0) | (1 << (bit & 7));
  };
  /** Whether an item is new; remembers it. */
  const isNew = (item: number): boolean => {
    const one = (item >>> 3) & BITS_MASK;
    const two = (Math.imul(item, 0x85ebca6b) >>> 7) & BITS_MASK;
    const field = (young ??= emptyField());
    if (has(field, one) && has(field, two)) return false;
    const isFresh = old === undefined || !(has(old, one) && has(old, two));
    set(field, one);
    set(field, two);
    if (++count >= ITEMS_PER_GENERATION) {
      old = young;
      young = undefined;
      count = 0;
    }
    return isFresh;
  };
  return {
    /** The share of pairs that are new, 0..1 (0 for texts of fewer than two words), and remembers them. */
    read(words: Int32Array): number {
      let total = 0;
      let fresh = 0;
      let last = words[0] ?? 0;
      const isSampled = words.length > SAMPLED_ABOVE;
      for (let index = 1; index < words.length; index++) {
        const word = words[index] as number;
        const pair = Math.imul(last ^ ((word << 5) | (word >>> 27)), 0x9e3779b1);
        last = word;
        if (isSampled && (pair & SAMPLE_MASK) !== 0) continue;
        total++;
        if (isNew(pair)) fresh++;
      }
      return total === 0 ? 0 : fresh / total;
    },
    /** The same for single numbers and ids. */
    readMarks(marks: readonly number[]): number {
      let fresh = 0;
      for (const mark of marks) if (isNew(Math.imul(mark ^ 0x5bd1e995, 0x9e3779b1))) fresh++;
      return marks.length === 0 ? 0 : fresh / marks.length;
    },
    save: (): SeenWordsState => ({ young: textOfField(young), old: textOfField(old), count }),
  };
}

const emptyField = (): Uint8Array => new Uint8Array(BITS >>> 3);

const textOfField = (field: Uint8Array = emptyField()): string => Buffer.from(field).toString('base64');

function fieldOf(text: string): Uint8Array {
  const field = emptyField();
  field.set(Buffer.from(text, 'base64').subarray(0, field.length));
  return field;
}
