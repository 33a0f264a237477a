/** A map that forgets what was not touched for longest. */
export interface Recent<V> {
  get(key: number): V | undefined;
  /** Puts a value and makes it the newest. */
  put(key: number, value: V): void;
  delete(key: number): void;
  values(): IterableIterator<V>;
  save(): [number, V][];
}

export function recent<V>(most: number, restored?: readonly (readonly [number, V])[]): Recent<V> {
  const map = new Map<number, V>(restored);
  return {
    get: (key) => map.get(key),
    put(key, value) {
      map.delete(key);
      map.set(key, value);
      if (map.size <= most) return;
      const oldest = map.keys().next();
      if (oldest.done !== true) map.delete(oldest.value);
    },
    delete: (key) => void map.delete(key),
    values: () => map.values(),
    save: () => [...map],
  };
}
