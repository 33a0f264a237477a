import type { AccountRef, AccountSnapshot, Amounts } from 'holdfast';
import { limitedIn } from './lease-size.ts';
import { endless, reachesAny, type Sums } from './lease-sums.ts';

/** Notices when what is settled in a lease may cross a threshold of its account: only then the server is told of it at once. */
export interface ThresholdWatch {
  /** Looks for the next threshold of each dimension, from what is settled as far as this process knows. */
  lookAhead(seen: AccountSnapshot | undefined, settled: Amounts): void;
  /** Whether one is reached; looks for the next ones then. */
  mayCross(seen: AccountSnapshot | undefined, settled: Amounts): boolean;
}

export function thresholdWatch(ref: AccountRef): ThresholdWatch {
  const limited = limitedIn(ref);
  /** How much settled here reaches the next threshold of each dimension, or Infinity. */
  let watched = endless;

  function lookAhead(seen: AccountSnapshot | undefined, settled: Amounts): void {
    watched = endless;
    if (!seen || ref.alertAt.length === 0) return;
    const marks: Sums = { ...endless };
    for (const dimension of limited) {
      const limit = ref.limits[dimension] ?? ref.tighter?.[dimension] ?? 0;
      const known = seen.settled[dimension];
      const next = ref.alertAt.find((share) => limit * share > known + settled[dimension]);
      if (limit > 0 && next !== undefined) marks[dimension] = limit * next - known;
    }
    watched = marks;
  }

  return {
    lookAhead,
    mayCross(seen, settled) {
      if (!reachesAny(settled, watched)) return false;
      lookAhead(seen, settled);
      return true;
    },
  };
}
