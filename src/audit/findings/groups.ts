/** Groups by name, up to so many; the rest share one under `_other`. */
export interface Groups<K extends readonly string[], V> {
  of(...keys: K): V;
  entries(): readonly (readonly [K, V])[];
}

const MOST = 2_000;
/** The name of what has no group of its own, in each of its keys. */
export const OTHER = '_other';

export function groups<K extends readonly string[], V>(create: () => V): Groups<K, V> {
  const known = new Map<string, readonly [K, V]>();
  return {
    of(...keys) {
      const isFull = known.size >= MOST;
      const name = JSON.stringify(keys);
      const found = known.get(name) ?? (isFull ? known.get(OTHER) : undefined);
      if (found) return found[1];
      const shown = isFull ? (keys.map(() => OTHER) as unknown as K) : keys;
      const group = [shown, create()] as const;
      known.set(isFull ? OTHER : name, group);
      return group[1];
    },
    entries: () => [...known.values()],
  };
}

/** A map that forgets its oldest entries. Setting an entry makes it the newest. */
export interface BoundedMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
}

export function boundedMap<V>(most: number): BoundedMap<V> {
  const map = new Map<string, V>();
  return {
    get: (key) => map.get(key),
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      const oldest = map.size > most ? map.keys().next().value : undefined;
      if (oldest !== undefined) map.delete(oldest);
    },
    delete: (key) => void map.delete(key),
  };
}
