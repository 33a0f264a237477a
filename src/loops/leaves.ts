import { parsedOr } from './canonical.ts';
import { hashNumbers, hashText } from './hash.ts';

/** One value inside a result that holds no others. */
export interface Leaf {
  /** The name of its field. */
  readonly name: string;
  /** The value itself; undefined where several leaves share one path. */
  readonly value: unknown;
  readonly hash: number;
  /** Inside a list: its values are the answer, whatever they are called. */
  readonly isListed: boolean;
}

/** A result taken apart. */
export interface Leaves {
  /** Leaves by the hash of their path and kind; all places of a list share one path. */
  readonly byPath: ReadonlyMap<number, Leaf>;
  /** The result as plain values, without the leaves that were to be left out. */
  readonly rest: unknown;
}

const PATHS_MAX = 64;
const VALUES_MAX = 2000;
const DEPTH_MAX = 8;

interface Walk {
  left: number;
  readonly byPath: Map<number, Leaf>;
  readonly without: ReadonlySet<number>;
}

interface Place {
  readonly path: number;
  readonly name: string;
  readonly depth: number;
  readonly isListed: boolean;
}

/** A result with more than the bounds allow, or with values that are not plain, is compared as it is. */
class UnreadableResult extends Error {}

/** Takes a result of JSON or of plain objects apart; undefined where it is neither, too large, too deep, or throws. */
export function leavesOf(result: unknown, without: ReadonlySet<number> = new Set()): Leaves | undefined {
  const value = typeof result === 'string' ? parsedOr(result) : result;
  if (typeof value !== 'object' || value === null) return undefined;
  const walk: Walk = { left: VALUES_MAX, byPath: new Map(), without };
  try {
    const rest = copy(value, { path: 0, name: '', depth: 0, isListed: false }, walk);
    return { byPath: walk.byPath, rest };
  } catch {
    // Beyond the bounds, or a getter of the host's threw.
    return undefined;
  }
}

function copy(value: unknown, place: Place, walk: Walk): unknown {
  if (walk.left-- <= 0 || place.depth > DEPTH_MAX) throw new UnreadableResult();
  // JSON in a string is how tools of MCP answer.
  const inner = typeof value === 'string' ? parsedOr(value) : value;
  if (typeof inner !== 'object' || inner === null) return takeLeaf(inner, place, walk);
  const isListed = inner === value && place.isListed;
  const depth = place.depth + 1;
  if (Array.isArray(inner)) {
    const path = hashNumbers(place.path, 1);
    return inner.map((item: unknown) => copy(item, { path, name: place.name, depth, isListed: true }, walk));
  }
  const prototype: unknown = Object.getPrototypeOf(inner);
  if (prototype !== Object.prototype && prototype !== null) throw new UnreadableResult();
  return Object.fromEntries(
    Object.entries(inner).map(([name, field]) => [
      name,
      copy(field, { path: hashNumbers(place.path, hashText(name)), name, depth, isListed }, walk),
    ]),
  );
}

function takeLeaf(value: unknown, { path, name, isListed }: Place, { byPath, without }: Walk): unknown {
  const key = hashNumbers(path, typeof value === 'number' ? 2 : 3);
  if (without.has(key)) return undefined;
  const known = byPath.get(key);
  if (known === undefined && byPath.size >= PATHS_MAX) throw new UnreadableResult();
  const hash = hashText(String(value));
  byPath.set(
    key,
    known === undefined ? { name, value, hash, isListed } : { ...known, value: undefined, hash: hashNumbers(known.hash, hash) },
  );
  return value;
}
