/** Remembers at least the newest entries: when enough are new, the older ones are let go together. */
export interface RecentEntries<T> {
  get(id: string): T | undefined;
  set(id: string, value: T): void;
  delete(id: string): void;
}

export function recentEntries<T>(least: number): RecentEntries<T> {
  let [newer, older] = [new Map<string, T>(), new Map<string, T>()];
  return {
    get: (id) => newer.get(id) ?? older.get(id),
    set(id, value) {
      newer.set(id, value);
      if (newer.size >= least) [newer, older] = [new Map(), newer];
    },
    delete(id) {
      newer.delete(id);
      older.delete(id);
    },
  };
}
