/** How many hashes stand for a text. */
const SKETCH_SIZE = 24;
const WORDS_READ = 256;

/**
 * The smallest hashes of a text's distinct words: equal shares of two such sketches estimate how much two texts have in common
 * (bottom-k sketch, Broder 1997). Words in `without` are left out.
 */
export function sketchOf(words: Int32Array, without?: Int32Array): number[] {
  const own = new Set(words.subarray(0, WORDS_READ));
  for (const word of without ?? []) own.delete(word);
  return [...own].sort((a, b) => a - b).slice(0, SKETCH_SIZE);
}

/** Jaccard similarity of two small sets, 0..1; two empty ones are alike. */
export function overlap(a: readonly number[], b: readonly number[] | Int32Array): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  // Sets of a few numbers cost more to build than to do without.
  if (a.length + b.length > SMALL) return overlapOfSets(new Set(a), new Set(b));
  let both = 0;
  let all = 0;
  for (let at = 0; at < a.length; at++) {
    const item = a[at] as number;
    if (a.indexOf(item) < at) continue;
    all++;
    if (b.indexOf(item) >= 0) both++;
  }
  for (let at = 0; at < b.length; at++) if (b.indexOf(b[at] as number) === at) all++;
  return both / (all - both);
}

const SMALL = 64;

function overlapOfSets(one: ReadonlySet<number>, other: ReadonlySet<number>): number {
  let both = 0;
  for (const item of one) if (other.has(item)) both++;
  return both / (one.size + other.size - both);
}
