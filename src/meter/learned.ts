/** A running picture of a figure that is observed again and again. */
export interface Observations {
  readonly count: number;
  /** Exponentially weighted mean: the newest tenth or so decides. */
  readonly mean: number;
  /** Exponentially weighted mean distance from the mean. */
  readonly deviation: number;
  /** The largest of the last {@link RECENT} values. */
  readonly recentLargest: number;
}

/** Observations by key, bounded in number. */
export interface Learned {
  of(key: string): Observations | undefined;
  add(key: string, value: number): void;
  entries(): IterableIterator<[string, Observations]>;
}

const WEIGHT = 0.15;
const RECENT = 16;
const MOST_KEYS = 512;

interface Entry extends Observations {
  readonly recent: readonly number[];
}

/** Makes an empty memory. Of more than {@link MOST_KEYS} keys the one that was not heard of for longest is forgotten. */
export function createLearned(): Learned {
  const entries = new Map<string, Entry>();
  let newest: string | undefined;
  return {
    of: (key) => entries.get(key),
    entries: () => entries.entries(),
    add(key, value) {
      const known = entries.get(key);
      // The newest has its place at the end: most guards see one model again and again.
      if (key !== newest) entries.delete(key);
      newest = key;
      entries.set(key, known === undefined ? first(value) : next(known, value));
      for (const oldest of entries.keys()) {
        if (entries.size <= MOST_KEYS) break;
        entries.delete(oldest);
      }
    },
  };
}

const first = (value: number): Entry => ({ count: 1, mean: value, deviation: 0, recent: [value], recentLargest: value });

function next({ count, mean, deviation, recent }: Entry, value: number): Entry {
  const weight = Math.max(WEIGHT, 1 / (count + 1));
  const values = recent.length < RECENT ? recent.slice() : recent.slice(1 - RECENT);
  values.push(value);
  return {
    count: count + 1,
    mean: mean + weight * (value - mean),
    deviation: deviation + weight * (Math.abs(value - mean) - deviation),
    recent: values,
    recentLargest: Math.max(...values),
  };
}
