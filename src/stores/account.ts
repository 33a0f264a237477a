import { minus, plus, tightest, zero, type AmountLimits, type Amounts } from '../core/amounts.ts';
import type { Stretch, ResolvedWindow } from '../core/window.ts';
import { stretchAt } from '../core/window.ts';
import type { AccountId, AccountRef, AccountSnapshot, Adjustment } from './store.ts';

/** What was used and is held over a stretch of time. */
export interface Tally {
  settled: Amounts;
  held: Amounts;
  unconfirmed: Amounts;
  overage: Amounts;
}

/** When each alert threshold (`usd@0.8`) fired. */
export type AlertMarks = Map<string, number>;

/** One stretch of an account's window. A hold keeps the slots in which it was made and settles there, however late. */
export interface Slot extends Tally, Stretch {
  readonly account: Account;
  /** True once the window has moved on: nothing in it counts any more. */
  isPast: boolean;
  marks: AlertMarks | undefined;
}

export interface Account extends AccountId {
  readonly window: ResolvedWindow;
  /** Oldest first. Lifetime and calendar windows have one, a rolling window as many as it spans. */
  slots: readonly Slot[];
  /** The sums over the window: the one slot itself, or a running sum over the slots of a rolling window. */
  total: Tally;
  /** Marks of a rolling window, which has no slot of its own to keep them in. */
  marks: AlertMarks | undefined;
  /** As the last admission gave them. */
  limits: AmountLimits;
  adjustment: Adjustment | undefined;
  liveHolds: number;
  lastUsedAt: number;
  /** `removed`: unused for so long that it was forgotten; `erased`: somebody asked for it. */
  state: 'open' | 'removed' | 'erased';
}

const emptyTally = (): Tally => ({ settled: zero, held: zero, unconfirmed: zero, overage: zero });

export const newAccount = ({ tenant, scope, id, window, limits }: AccountRef, moment: number): Account => ({
  tenant,
  scope,
  id,
  window,
  slots: [],
  total: emptyTally(),
  marks: undefined,
  limits,
  adjustment: undefined,
  liveHolds: 0,
  lastUsedAt: moment,
  state: 'open',
});

const newSlot = (account: Account, { start, end }: Stretch): Slot => ({
  account,
  start,
  end,
  settled: zero,
  held: zero,
  unconfirmed: zero,
  overage: zero,
  isPast: false,
  marks: undefined,
});

/** The slot in which a step at `moment` counts. */
export function slotAt(account: Account, moment: number): Slot {
  leaveOldSlots(account, moment);
  const { slots, window } = account;
  const newest = slots[slots.length - 1];
  if (newest && (newest.end === null || moment < newest.end)) return newest;
  const slot = newSlot(account, stretchAt(window, moment));
  account.slots = [...slots, slot];
  if (window.kind !== 'rolling') account.total = slot;
  return slot;
}

/** Drops the slots that have left the window: nothing in them counts any more. */
export function leaveOldSlots(account: Account, moment: number): void {
  const { window } = account;
  const lengthMs = window.kind === 'rolling' ? window.lengthMs : 0;
  for (let oldest = account.slots[0]; oldest && oldest.end !== null && oldest.end + lengthMs <= moment; oldest = account.slots[0]) {
    account.slots = account.slots.slice(1);
    oldest.isPast = true;
    if (account.total === oldest) account.total = emptyTally();
    else
      for (const part of ['settled', 'held', 'unconfirmed', 'overage'] as const)
        account.total[part] = minus(account.total[part], oldest[part]);
  }
}

/** Adds to a slot, and to the window's sums while the slot is inside. */
export function add(slot: Slot, part: keyof Tally, amounts: Amounts): void {
  slot[part] = plus(slot[part], amounts);
  const { total } = slot.account;
  if (total !== slot && !slot.isPast) total[part] = plus(total[part], amounts);
}

/** Takes from a slot, and from the window's sums while the slot is inside. */
export function take(slot: Slot, part: keyof Tally, amounts: Amounts): void {
  slot[part] = minus(slot[part], amounts);
  const { total } = slot.account;
  if (total !== slot && !slot.isPast) total[part] = minus(total[part], amounts);
}

/** The guard's limits with the adjustment that is in force. */
export function adjustedLimits(account: Account, limits: AmountLimits, moment: number): AmountLimits {
  const { adjustment } = account;
  if (!adjustment?.limits) return limits;
  if (adjustment.until !== undefined && adjustment.until <= moment) {
    account.adjustment = undefined;
    return limits;
  }
  return { ...limits, ...adjustment.limits };
}

/** The ceilings of one admission: adjusted limits, tightened by the run's own. */
export function limitsFor(account: Account, { limits, tighter }: AccountRef, moment: number): AmountLimits {
  const adjusted = adjustedLimits(account, limits, moment);
  return tighter ? tightest(adjusted, tighter) : adjusted;
}

/** When room comes back: the window's end, or the moment at which the oldest slot leaves a rolling window. */
export function resetOf({ window, slots }: Account, moment: number): number | null {
  const end = slots[0]?.end ?? null;
  if (window.kind === 'rolling') return end === null ? null : end + window.lengthMs;
  return end ?? stretchAt(window, moment).end;
}

export function snapshotOf(account: Account, limits: AmountLimits, moment: number): AccountSnapshot {
  const { tenant, scope, id, window, total } = account;
  const { settled, held, unconfirmed, overage } = total;
  return { tenant, scope, id, window, settled, held, unconfirmed, overage, limits, resetsAt: resetOf(account, moment) };
}

/** What is read of an account that nobody has used. */
export function emptySnapshot({ tenant, scope, id, window, limits, tighter }: AccountRef, moment: number): AccountSnapshot {
  const resetsAt = window.kind === 'rolling' ? null : stretchAt(window, moment).end;
  return { tenant, scope, id, window, ...emptyTally(), limits: tighter ? tightest(limits, tighter) : limits, resetsAt };
}

/** Whether nothing of an account can matter again. A live one is never removed to make room. */
export function isDead({ liveHolds, adjustment, window, slots, lastUsedAt }: Account, moment: number, retentionMs: number): boolean {
  if (liveHolds > 0) return false;
  if (adjustment && (adjustment.until === undefined || adjustment.until > moment)) return false;
  if (window.kind === 'lifetime') return lastUsedAt + retentionMs < moment;
  const end = slots.at(-1)?.end ?? -Infinity;
  return end + (window.kind === 'rolling' ? window.lengthMs : 0) <= moment;
}
