/** Finds the entry for a name among names that may end in `*`; the longest that fits wins, an exact name before all. */
export function entryFor<Value>(entries: Readonly<Record<string, Value>>, name: string): Value | undefined {
  if (Object.hasOwn(entries, name)) return entries[name];
  let best = -1;
  let found: Value | undefined;
  for (const [pattern, value] of Object.entries(entries)) {
    const stem = pattern.slice(0, -1);
    if (!pattern.endsWith('*') || !name.startsWith(stem) || stem.length <= best) continue;
    best = stem.length;
    found = value;
  }
  return found;
}
