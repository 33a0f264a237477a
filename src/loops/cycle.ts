import { shortHash } from './hash.ts';
import { periodCounter, type PeriodState } from './period.ts';
import { isExpected, type LoopDetector } from './suspicion.ts';

/** A lap of several rounds says more than one repeated round: up to this much more. */
const LONG_LAP_BONUS = 1.5;

/** Rounds that come again with a fixed period of 2 to 32, call and answer. */
export function cycleDetector(restored?: PeriodState): LoopDetector {
  const rounds = periodCounter(restored);
  return {
    name: 'cycle',
    observe(prints, { isBackingOff }) {
      if (isExpected(prints, 1)) return undefined;
      const cycle = rounds.observe(prints);
      if (cycle === undefined || cycle.period === 1 || isBackingOff) return undefined;
      const { period, laps, run, identity, firstStep, steps } = cycle;
      return {
        kind: 'cycle',
        identity,
        score: 1 + run / period + Math.min(LONG_LAP_BONUS, (period - 1) * 0.3) - (laps < 3 ? LONG_LAP_BONUS : 0),
        period,
        laps,
        firstStep,
        steps,
        reason: () => `a lap of ${period} rounds went round ${laps} times, call and result (loop ${shortHash(identity)})`,
        clearedBy: 'another call, another result or another state at any point of the lap',
      };
    },
    save: () => rounds.save(),
  };
}
