/** One text for all arguments that mean the same: the order of keys does not count. Bounded in depth; never throws. */
export function argsText(args: unknown): string {
  try {
    return JSON.stringify(sorted(typeof args === 'string' ? parsed(args) : args, 0)) ?? '';
  } catch {
    return '';
  }
}

function sorted(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > 32) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item, depth + 1)]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A result as a text: strings as they are, everything else as JSON. */
export function resultText(output: unknown): string {
  return typeof output === 'string' ? output : argsText(output);
}

/** A short number for a long text (FNV-1a, 32 bits): to know a text again, not to keep it safe. */
export function textPrint(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
