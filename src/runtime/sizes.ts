const SIZED_MAX = 64;

/**
 * Roughly how large a value is, in characters, without writing it out: texts count whole, objects by their first parts.
 * The values are the user's: one that cannot be looked at has no size.
 */
export function sizeOf(value: unknown): number {
  try {
    return measured(value, 0);
  } catch {
    return 0;
  }
}

function measured(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value === 'number') return String(value).length;
  if (typeof value !== 'object' || value === null || depth > 4) return 0;
  let size = 2;
  let seen = 0;
  for (const key in value) {
    if ((seen += 1) > SIZED_MAX) break;
    size += key.length + 3 + measured((value as Record<string, unknown>)[key], depth + 1);
  }
  return size;
}
