/** Sizes by powers of the eighth root of two: quantiles to within 9 %, in a few hundred numbers. */
export interface SizeHistogram {
  add(size: number): void;
  /** The size that this share of all sizes does not exceed; 0 when there is none. */
  quantile(share: number): number;
  readonly count: number;
}

const PER_DOUBLING = 8;

export function sizeHistogram(): SizeHistogram {
  const buckets: number[] = [];
  let count = 0;
  let largest = 0;
  return {
    add(size) {
      const bucket = size < 1 ? 0 : 1 + Math.ceil(Math.log2(size) * PER_DOUBLING);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      count += 1;
      largest = Math.max(largest, size);
    },
    quantile(share) {
      let left = share * count;
      for (const [bucket, members = 0] of buckets.entries()) {
        left -= members;
        // The upper edge of the bucket, and never more than there was.
        if (members > 0 && left <= 1e-9) return bucket === 0 ? 0 : Math.min(largest, Math.round(2 ** ((bucket - 1) / PER_DOUBLING)));
      }
      return largest;
    },
    get count() {
      return count;
    },
  };
}
