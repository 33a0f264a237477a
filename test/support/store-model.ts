import { dimensions, excess, plus, tightest, zero, type AmountLimits, type Amounts } from '../../src/core/amounts.ts';
import { fit, type Ask, type Sums } from '../../src/core/reservation.ts';
import { stretchAt, type ResolvedWindow, type Stretch } from '../../src/core/window.ts';
import type { AccountRef, Adjustment, SettleReply, ThresholdCrossing } from '../../src/stores/store.ts';

/**
 * What a store should know, kept as a list of everything that happened and summed up from the start each time it is asked.
 * Too slow for use, too simple to be wrong. Accounts are named by their place in a fixed list.
 */
export interface StoreModel {
  readonly accounts: readonly AccountRef[];
  now: number;
  readonly entries: Map<string, Entry>;
  readonly adjustments: Map<number, Adjustment>;
  /** `account/window start/dimension/threshold`, and when it fired. */
  readonly alerted: Map<string, number>;
}

interface Entry {
  /** The accounts that its reservation named: a settlement names the same. */
  readonly named: readonly number[];
  /** The accounts in which it counts; one that was erased is taken out. */
  accounts: number[];
  readonly ask: number;
  readonly units: number;
  readonly amounts: Amounts;
  readonly madeAt: number;
  expiresAt: number;
  end?: { readonly status: SettleReply['status']; readonly actual: Amounts | undefined; readonly overage: Amounts };
}

export const storeModel = (accounts: readonly AccountRef[], now: number): StoreModel => ({
  accounts,
  now,
  entries: new Map(),
  adjustments: new Map(),
  alerted: new Map(),
});

const isLive = ({ now }: StoreModel, { end, expiresAt }: Entry): boolean => !end && expiresAt > now;

/** Whether what was done at `madeAt` still counts at `now`. */
function counts(window: ResolvedWindow, madeAt: number, now: number): boolean {
  const slot = stretchAt(window, madeAt);
  if (window.kind === 'rolling') return (slot.end ?? Infinity) + window.lengthMs > now;
  return slot.start === stretchAt(window, now).start;
}

type Tally = Sums & { readonly overage: Amounts };

function tally(model: StoreModel, account: number, isCounted: (entry: Entry) => boolean): Tally {
  const { onExpire } = model.accounts[account]!;
  let [settled, held, unconfirmed, overage] = [zero, zero, zero, zero];
  for (const entry of model.entries.values()) {
    if (!entry.accounts.includes(account) || !isCounted(entry)) continue;
    if (entry.end?.actual) [settled, overage] = [plus(settled, entry.end.actual), plus(overage, entry.end.overage)];
    else if (isLive(model, entry)) held = plus(held, entry.amounts);
    else if (!entry.end && onExpire === 'charge') unconfirmed = plus(unconfirmed, entry.amounts);
  }
  return { settled, held, unconfirmed, overage };
}

/** An account's sums in its window now. */
export const sumsOf = (model: StoreModel, account: number): Tally =>
  tally(model, account, ({ madeAt }) => counts(model.accounts[account]!.window, madeAt, model.now));

/** The guard's limits with the adjustment in force. */
function adjusted(model: StoreModel, account: number): AmountLimits {
  const { limits } = model.accounts[account]!;
  const adjustment = model.adjustments.get(account);
  const isInForce = adjustment?.limits && (adjustment.until === undefined || adjustment.until > model.now);
  return isInForce ? { ...limits, ...adjustment.limits } : limits;
}

export function limitsOf(model: StoreModel, account: number): AmountLimits {
  const { tighter } = model.accounts[account]!;
  return tighter ? tightest(adjusted(model, account), tighter) : adjusted(model, account);
}

export type ModelReply =
  | { readonly granted: true; readonly ask: number; readonly units: number; readonly amounts: Amounts; readonly isReplay: boolean }
  | { readonly granted: false; readonly account: number; readonly dimension: string; readonly asked: number };

export function reserve(model: StoreModel, id: string, accounts: readonly number[], asks: readonly Ask[], ttlMs: number): ModelReply {
  const known = model.entries.get(id);
  if (known) return { granted: true, ask: known.ask, units: known.units, amounts: known.amounts, isReplay: true };
  const standings = accounts.map((account) => ({
    sums: sumsOf(model, account),
    limits: limitsOf(model, account),
    kept: model.accounts[account]!.kept,
  }));
  let reply: ModelReply | undefined;
  for (const [ask, wanted] of asks.entries()) {
    const fitting = fit(wanted, standings);
    if (fitting.fits) {
      const { amounts, units } = fitting;
      model.entries.set(id, {
        named: accounts,
        accounts: [...accounts],
        ask,
        units,
        amounts,
        madeAt: model.now,
        expiresAt: model.now + ttlMs,
      });
      return { granted: true, ask, units, amounts, isReplay: false };
    }
    const { account, dimension, asked } = fitting.shortfall;
    reply = { granted: false, account, dimension, asked };
  }
  return reply!;
}

export interface ModelSettlement {
  readonly status: SettleReply['status'];
  readonly overage: Amounts;
  readonly alerts: readonly Omit<ThresholdCrossing, 'resetsAt'>[];
  /** Alerts of windows that are over: a store may tell of them. */
  readonly pastAlerts: readonly Omit<ThresholdCrossing, 'resetsAt'>[];
}

export function settle(model: StoreModel, id: string, accounts: readonly number[], actual: Amounts | undefined): ModelSettlement {
  const known = model.entries.get(id);
  if (known?.end) return { status: 'duplicate', overage: known.end.overage, alerts: [], pastAlerts: [] };
  const entry: Entry = known ?? {
    named: accounts,
    accounts: [...accounts],
    ask: 0,
    units: 0,
    amounts: zero,
    madeAt: model.now,
    expiresAt: model.now,
  };
  const status = !actual ? 'released' : isLive(model, entry) ? 'settled' : 'late';
  const overage = actual ? excess(actual, entry.amounts) : zero;
  entry.end = { status, actual, overage };
  model.entries.set(id, entry);
  const told = (isPast: boolean): ModelSettlement['alerts'] =>
    entry.accounts
      .filter((account) => !counts(model.accounts[account]!.window, entry.madeAt, model.now) === isPast)
      .flatMap((account) => (actual ? crossings(model, account, entry.madeAt, actual) : []));
  return { status, overage, alerts: told(false), pastAlerts: told(true) };
}

function crossings(model: StoreModel, account: number, madeAt: number, actual: Amounts): ModelSettlement['alerts'] {
  const { tenant, scope, id, window, alertAt, tighter } = model.accounts[account]!;
  const slot: Stretch = stretchAt(window, madeAt);
  const isRolling = window.kind === 'rolling';
  const { settled } = isRolling
    ? sumsOf(model, account)
    : tally(model, account, (entry) => stretchAt(window, entry.madeAt).start === slot.start);
  const limits: AmountLimits = { ...tighter, ...adjusted(model, account) };
  const found: Omit<ThresholdCrossing, 'resetsAt'>[] = [];
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (!limit || actual[dimension] === 0) continue;
    for (const threshold of alertAt) {
      const mark = `${account}/${isRolling ? '' : slot.start}/${dimension}/${threshold}`;
      const firedAt = model.alerted.get(mark);
      if (settled[dimension] < limit * threshold) continue;
      if (firedAt !== undefined && (!isRolling || model.now - firedAt < window.lengthMs)) continue;
      model.alerted.set(mark, model.now);
      found.push({ tenant, scope, id, dimension, threshold, settled: settled[dimension], limit });
    }
  }
  return found;
}

export function extend(model: StoreModel, id: string, ttlMs: number): boolean {
  const entry = model.entries.get(id);
  if (!entry || !isLive(model, entry)) return false;
  entry.expiresAt = Math.max(entry.expiresAt, model.now + ttlMs);
  return true;
}

export function adjust(model: StoreModel, account: number, adjustment: Adjustment): void {
  if (adjustment.limits === null) model.adjustments.delete(account);
  else model.adjustments.set(account, adjustment);
}

export function erase(model: StoreModel, account: number): void {
  for (const entry of model.entries.values()) entry.accounts = entry.accounts.filter((other) => other !== account);
  model.adjustments.delete(account);
  for (const mark of model.alerted.keys()) if (mark.startsWith(`${account}/`)) model.alerted.delete(mark);
}
