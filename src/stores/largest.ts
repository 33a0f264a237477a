/** The `most` largest of many, largest first, without sorting the many. */
export function largest<T>(items: Iterable<T>, most: number, compare: (a: T, b: T) => number): T[] {
  const found: T[] = [];
  for (const item of items) {
    const last = found[most - 1];
    if (last !== undefined && compare(item, last) <= 0) continue;
    const place = found.findIndex((other) => compare(item, other) > 0);
    found.splice(place < 0 ? found.length : place, 0, item);
    if (found.length > most) found.pop();
  }
  return found;
}
