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

/**
 * Combinations of labels, at most so many; a further one becomes `_other` in every label. What comes back is the same object
 * each time: it is asked for with every step.
 */
export function boundedSeries<L extends string>(most: number): (labels: Readonly<Record<L, string>>) => Readonly<Record<L, string>> {
  const admitted = new Map<string, Readonly<Record<L, string>>>();
  let others: Readonly<Record<L, string>> | undefined;
  return (labels) => {
    let name = '';
    for (const label in labels) name += `${labels[label]}\0`;
    const known = admitted.get(name);
    if (known) return known;
    if (admitted.size >= most)
      return (others ??= Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER])) as Record<L, string>);
    admitted.set(name, labels);
    return labels;
  };
}
