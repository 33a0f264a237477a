import { dimensions, type Amounts } from '../core/amounts.ts';
import { adjustedLimits, resetOf, type AlertMarks, type Slot } from './account.ts';
import type { AccountRef, ThresholdCrossing } from './store.ts';

/**
 * The thresholds that a settlement into this slot crossed for the first time: in its window, or within a rolling window's
 * length. Looks at the dimensions that it used.
 */
export function crossings(slot: Slot, actual: Amounts, ref: AccountRef, moment: number): ThresholdCrossing[] {
  const { account } = slot;
  const { window, adjustment } = account;
  // A run's own limit is watched only where the guard has none: the others share the account and must not be alarmed by it.
  const limits = ref.tighter || adjustment ? { ...ref.tighter, ...adjustedLimits(account, ref.limits, moment) } : ref.limits;
  const { settled } = window.kind === 'rolling' ? account.total : slot;
  const found: ThresholdCrossing[] = [];
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (!limit || actual[dimension] === 0) continue;
    const used = settled[dimension];
    for (const threshold of ref.alertAt) {
      if (used < limit * threshold) break;
      if (!marks(slot, `${dimension}@${threshold}`, moment)) continue;
      const { tenant, scope, id } = account;
      const resetsAt = window.kind === 'rolling' ? resetOf(account, moment) : slot.end;
      found.push({ tenant, scope, id, dimension, threshold, settled: used, limit, resetsAt });
    }
  }
  return found;
}

/** Marks a threshold as fired. False when it had fired already. */
function marks(slot: Slot, mark: string, moment: number): boolean {
  const { window } = slot.account;
  const owner: { marks: AlertMarks | undefined } = window.kind === 'rolling' ? slot.account : slot;
  owner.marks ??= new Map();
  const firedAt = owner.marks.get(mark);
  if (firedAt !== undefined && (window.kind !== 'rolling' || moment - firedAt < window.lengthMs)) return false;
  owner.marks.set(mark, moment);
  return true;
}
