/**
 * Two 32-bit lanes that are fed numbers and give 53 bits: enough for tables of some thousand entries
 * (a chance of about 1e-9 for any collision among 4,096), fast in plain code, and JSON-safe.
 * The mixing is that of `cyrb53` (public domain), fed one unit at a time.
 */
export const PRIME_A = 2654435761;
export const PRIME_B = 1597334677;

export interface Hasher {
  a: number;
  b: number;
}

export const hasher = (seed = 0): Hasher => ({ a: 0xdeadbeef ^ seed, b: 0x41c6ce57 ^ seed });

export function feed(hash: Hasher, unit: number): void {
  hash.a = Math.imul(hash.a ^ unit, PRIME_A);
  hash.b = Math.imul(hash.b ^ unit, PRIME_B);
}

export function digest({ a, b }: Hasher): number {
  let x = Math.imul(a ^ (a >>> 16), 2246822507);
  x ^= Math.imul(b ^ (b >>> 13), 3266489909);
  let y = Math.imul(b ^ (b >>> 16), 2246822507);
  y ^= Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & y) + (x >>> 0);
}

/** Hash of a text as it is, unit by unit. */
export function hashText(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, PRIME_A);
    b = Math.imul(b ^ unit, PRIME_B);
  }
  return digest({ a, b });
}

const nameHashes = new Map<string, number>();
const NAMES_MAX = 512;

/** Hash of a name of a run, an agent or a tool: asked several times at every step, so remembered. */
export function hashName(name: string): number {
  const known = nameHashes.get(name);
  if (known !== undefined) return known;
  const hash = hashText(name);
  if (nameHashes.size >= NAMES_MAX) nameHashes.clear();
  nameHashes.set(name, hash);
  return hash;
}

/** Hash of a few numbers, such as other hashes. */
export function hashNumbers(...numbers: readonly number[]): number {
  const hash = hasher(numbers.length);
  for (let at = 0; at < numbers.length; at++) {
    const number = numbers[at]!;
    feed(hash, number | 0);
    feed(hash, (number / 4294967296) | 0);
  }
  return digest(hash);
}

/** A hash as it is shown to people: short and stable. */
export const shortHash = (hash: number): string => hash.toString(36).padStart(11, '0').slice(-8);
