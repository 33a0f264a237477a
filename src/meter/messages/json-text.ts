const DEEPEST = 200;
const UNREADABLE = '[unreadable]';

/** Values that are written wherever they stand; beyond, an object that was written before is not written again. */
const MOST_REPEATED = 10_000;

/**
 * A value as JSON text, as it would go over the wire. Never throws: what JSON cannot say (a cycle, a BigInt, a getter that fails,
 * a nesting without end) becomes a short word in its place. Never stalls: objects that point at each other without end are not followed
 * on all of their paths.
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return JSON.stringify(plainOf(value)) ?? '';
  }
}

function plainOf(root: unknown): unknown {
  const written = new Set<object>();
  let values = 0;
  const plain = (value: unknown, above: readonly object[]): unknown => {
    values++;
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function') return undefined;
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) return '[cycle]';
    if (above.length >= DEEPEST) return '[deep]';
    if (values > MOST_REPEATED && written.has(value)) return '[again]';
    written.add(value);
    const path = [...above, value];
    try {
      if (Array.isArray(value)) return value.map((item) => plain(item, path));
      return Object.fromEntries(Object.keys(value).map((key) => [key, plain(readField(value, key), path)]));
    } catch {
      return UNREADABLE;
    }
  };
  return plain(root, []);
}

function readField(owner: object, key: string): unknown {
  try {
    return (owner as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}
