/** A distribution as finance reads it. */
export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
}

/** Where only one number is known. */
export const constant = (value: number): Spread => ({ mean: value, p50: value, p95: value });

const KEPT = 50_000;

/** Collects values for a spread: the mean of all; p50 and p95 of all up to 50,000, then of an even sample of so many. */
export function spreadOf(random: () => number = Math.random): { add(value: number): void; spread(): Spread; readonly count: number } {
  const kept: number[] = [];
  let sum = 0;
  let count = 0;
  return {
    add(value) {
      sum += value;
      count += 1;
      if (kept.length < KEPT) kept.push(value);
      else {
        const place = Math.floor(random() * count);
        if (place < KEPT) kept[place] = value;
      }
    },
    spread() {
      const sorted = kept.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
      return { mean: count === 0 ? 0 : sum / count, p50: at(0.5), p95: at(0.95) };
    },
    get count() {
      return count;
    },
  };
}
