const DEEPEST = 200;

/**
 * A value as JSON text, as it would go over the wire. Never throws: what JSON cannot say (a cycle, a BigInt, a getter that fails,
 * a nesting without end) becomes a short word in its place.
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return JSON.stringify(plain(value, [])) ?? '';
  }
}

function plain(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[cycle]';
  if (above.length >= DEEPEST) return '[deep]';
  const path = [...above, value];
  if (Array.isArray(value)) return value.map((item) => plain(item, path));
  return Object.fromEntries(Object.keys(value).map((key) => [key, plain(readField(value, key), path)]));
}

function readField(owner: object, key: string): unknown {
  try {
    return (owner as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}
