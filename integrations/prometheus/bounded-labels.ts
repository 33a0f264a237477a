/** What stands for every value that has no label of its own. */
export const OTHER = '_other';

/** Admits label values, in the order in which they come, until there are enough; the rest is `_other`. */
export interface BoundedLabel {
  (value: string | undefined): string;
}

/**
 * A label of at most so many values. A value that was admitted keeps its label, so that a counter never goes down.
 * `allowed` are admitted always and alone; an absent value is `''`.
 */
export function boundedLabel(most: number, allowed?: readonly string[]): BoundedLabel {
  const admitted = new Set<string>(allowed);
  return (value = '') => {
    if (value === '' || admitted.has(value)) return value;
    if (allowed !== undefined || admitted.size >= most) return OTHER;
    admitted.add(value);
    return value;
  };
}

/** Combinations of labels, at most so many; a further one becomes `_other` in every label. */
export function boundedSeries<L extends string>(most: number): (labels: Readonly<Record<L, string>>) => Record<L, string> {
  const admitted = new Set<string>();
  return (labels) => {
    const name = JSON.stringify(labels);
    if (!admitted.has(name)) {
      if (admitted.size >= most) return Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER])) as Record<L, string>;
      admitted.add(name);
    }
    return { ...labels };
  };
}
