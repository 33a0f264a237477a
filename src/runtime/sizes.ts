const SIZED_MAX = 64;

/** Roughly how large a value is, in characters, without writing it out: texts count whole, objects by their first parts. */
export function sizeOf(value: unknown, depth = 0): number {
  if (typeof value === 'string') return value.length;
  if (typeof value === 'number') return String(value).length;
  if (typeof value !== 'object' || value === null || depth > 4) return 0;
  let size = 2;
  let seen = 0;
  for (const key in value) {
    if ((seen += 1) > SIZED_MAX) break;
    size += key.length + 3 + sizeOf((value as Record<string, unknown>)[key], depth + 1);
  }
  return size;
}
