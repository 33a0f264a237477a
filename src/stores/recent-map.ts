/** A map that remembers at least the last `size` entries and at most twice as many: two generations, swapped when the young one is full. */
export interface RecentMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
}

export function recentMap<V>(size: number): RecentMap<V> {
  let young = new Map<string, V>();
  let old = new Map<string, V>();
  return {
    get: (key) => young.get(key) ?? old.get(key),
    set(key, value) {
      young.set(key, value);
      if (young.size < size) return;
      old = young;
      young = new Map();
    },
  };
}
