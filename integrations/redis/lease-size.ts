import { dimensions, type AccountRef, type AccountSnapshot, type Amounts, type Dimension } from 'holdfast';
import type { LeaseTerms } from './lease-terms.ts';
import type { Sums } from './lease-sums.ts';

/** A lease is for so many steps at least; where there is not enough for them, each step asks the server. */
const STEPS_LEAST = 4;
/** And for so many at most, where its terms and limits say nothing. */
const STEPS_MOST = 10_000;
/** How much more there is of dimensions for which the terms of a lease say nothing. */
const PLENTY = 16;
/** Not more than this part of what an account has left is leased at once: others want some, too. */
const SHARE = 1 / 4;
/** The server may have less than this process believes: then it is asked for less. */
const PARTS = [1, 1 / 4, 1 / 16];

/** The dimensions in which an account has a limit. */
export const limitedIn = ({ limits, tighter }: AccountRef): readonly Dimension[] =>
  dimensions.filter((dimension) => limits[dimension] !== undefined || tighter?.[dimension] !== undefined);

/** The account as far as it is known, and what steps under way hold of its lease. */
interface Standing {
  readonly seen: AccountSnapshot | undefined;
  readonly opened: Amounts;
}

/** What to lease of an account for steps like one, the most first; nothing where its limits are near. */
export function leaseSizes(ref: AccountRef, { most }: LeaseTerms): (step: Amounts, standing: Standing) => Amounts[] {
  const limited = limitedIn(ref);
  const ceiling = (dimension: Dimension): number => Math.min(ref.limits[dimension] ?? Infinity, ref.tighter?.[dimension] ?? Infinity);

  /** What may be leased of a dimension at once. */
  function mostOf(dimension: Dimension, { seen, opened }: Standing): number {
    const used = seen ? seen.settled[dimension] + seen.unconfirmed[dimension] + seen.held[dimension] + opened[dimension] : 0;
    const free = Math.max(0, ceiling(dimension) - (ref.kept?.[dimension] ?? 0) - used);
    return Math.floor(Math.min(free * SHARE, most[dimension] ?? Infinity));
  }

  /**
   * Enough for as many steps in each dimension. Steps use less than they hold, most of all fewer dollars: of dimensions for
   * which the terms say nothing there is more, so that they do not end a lease before its time.
   */
  function sizeFor(step: Amounts, standing: Standing, part: number): Amounts | undefined {
    let steps = STEPS_MOST;
    for (const dimension of limited)
      if (step[dimension] > 0) steps = Math.min(steps, Math.floor(mostOf(dimension, standing) / step[dimension]));
    if (steps * part < STEPS_LEAST) return undefined;
    const size: Sums = { ...standing.opened };
    for (const dimension of dimensions) {
      const plenty = step[dimension] * steps * (most[dimension] === undefined ? PLENTY : 1);
      size[dimension] += Math.floor(Math.min(plenty, limited.includes(dimension) ? mostOf(dimension, standing) : Infinity) * part);
    }
    return size;
  }

  return (step, standing) => PARTS.flatMap((part) => sizeFor(step, standing, part) ?? []);
}
