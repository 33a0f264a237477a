import { dimensions, excess, minus, plus, tightest, zero, type AmountLimits, type Amounts } from '../core/amounts.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { fit, type Shortfall } from '../core/reservation.ts';
import { stretchAt, windowName, type ResolvedWindow } from '../core/window.ts';
import { expiryQueue } from './expiry-queue.ts';
import { recentMap } from './recent-map.ts';
import type {
  AccountId,
  AccountRef,
  AccountSnapshot,
  Adjustment,
  Denial,
  ReserveReply,
  SettleReply,
  Store,
  ThresholdCrossing,
} from './store.ts';

/** One stretch of an account's window. A hold keeps the slots in which it was made and settles there, however late. */
interface Slot {
  readonly start: number;
  readonly end: number | null;
  settled: Amounts;
  held: Amounts;
  unconfirmed: Amounts;
  overage: Amounts;
  readonly alerted: AlertMarks;
}

/** When each threshold (`usd@0.8`) fired. */
type AlertMarks = Map<string, number>;

interface Account extends AccountId {
  readonly window: ResolvedWindow;
  /** Oldest first. Lifetime and calendar windows have one, a rolling window as many as it spans. */
  slots: Slot[];
  /** Marks of a rolling window, which has no slot of its own to keep them in. */
  readonly alerted: AlertMarks;
  adjustment: Adjustment | undefined;
  limits: AmountLimits;
  liveHolds: number;
  lastUsedAt: number;
}

interface Hold {
  readonly id: string;
  readonly amounts: Amounts;
  readonly pinned: readonly { readonly account: Account; readonly slot: Slot; readonly ref: AccountRef }[];
  readonly reply: ReserveReply & { granted: true };
  expiresAt: number;
  state: 'live' | 'expired' | 'ended';
  end?: SettleReply;
}

/** How many ended reservations are remembered at least, so that a replay is known as one. */
const REMEMBERED_ENDS = 50_000;
/** How many accounts are looked at for removal with each reservation: more than one can add, so that the dead never pile up. */
const SWEPT_PER_RESERVE = 16;

/**
 * Keeps budgets in this process. The default store, and the specification of every other.
 *
 * @param options.retention how long an account without a window outlives its last step; default 30 days
 * @param options.now the clock, in milliseconds since the epoch; default `Date.now`
 * @example createGuard({ store: memoryStore({ retention: '7d' }) })
 */
export function memoryStore({ retention = '30d', now = Date.now }: { retention?: Duration; now?: () => number } = {}): Store {
  const retentionMs = durationMs(retention);
  const accounts = new Map<string, Account>();
  const holds = new Map<string, Hold>();
  const ended = recentMap<Hold>(REMEMBERED_ENDS);
  const expiries = expiryQueue<Hold>();
  let sweep = accounts.entries();

  const accountOf = (ref: Omit<AccountRef, 'limits'>, moment: number): Account => {
    const key = keyOf(ref, ref.window);
    let account = accounts.get(key);
    if (!account) {
      const { tenant, scope, id, window } = ref;
      account = {
        tenant,
        scope,
        id,
        window,
        slots: [],
        alerted: new Map(),
        adjustment: undefined,
        limits: {},
        liveHolds: 0,
        lastUsedAt: moment,
      };
      accounts.set(key, account);
    }
    return account;
  };

  const expire = (moment: number): void => {
    for (;;) {
      const hold = expiries.takeDue(moment, ({ state }) => state === 'live');
      if (!hold) return;
      hold.state = 'expired';
      for (const { account, slot, ref } of hold.pinned) {
        account.liveHolds -= 1;
        slot.held = minus(slot.held, hold.amounts);
        if (ref.onExpire === 'charge') slot.unconfirmed = plus(slot.unconfirmed, hold.amounts);
      }
      holds.delete(hold.id);
      ended.set(hold.id, hold);
    }
  };

  const removeDead = (moment: number): void => {
    for (let looked = 0; looked < SWEPT_PER_RESERVE; looked += 1) {
      const next = sweep.next();
      if (next.done) {
        sweep = accounts.entries();
        return;
      }
      const [key, account] = next.value;
      if (isDead(account, moment, retentionMs)) accounts.delete(key);
    }
  };

  return {
    name: 'memory',
    inProcess: true,

    reserve({ id, accounts: refs, asks, ttlMs }) {
      const moment = now();
      expire(moment);
      const known = holds.get(id) ?? ended.get(id);
      if (known) return { ...known.reply, isReplay: true };
      removeDead(moment);

      const targets = refs.map((ref) => {
        const account = accountOf(ref, moment);
        const slot = slotAt(account, moment);
        account.limits = ref.limits;
        const limits = effectiveLimits(account, ref, moment);
        return { account, slot, ref, limits, sums: sumsOf(account), ceilings: { limits, kept: ref.kept } };
      });
      let shortfall: Shortfall | undefined;
      for (const [index, ask] of asks.entries()) {
        const fitting = fit(ask, targets);
        if (!fitting.fits) {
          shortfall = fitting.shortfall;
          continue;
        }
        for (const { account, slot } of targets) {
          slot.held = plus(slot.held, fitting.amounts);
          account.liveHolds += 1;
          account.lastUsedAt = moment;
        }
        const snapshots = targets.map(({ account, limits }) => snapshotOf(account, limits));
        const reply = {
          granted: true,
          ask: index,
          units: fitting.units,
          amounts: fitting.amounts,
          accounts: snapshots,
          isReplay: false,
        } as const;
        const hold: Hold = { id, amounts: fitting.amounts, pinned: targets, reply, expiresAt: moment + ttlMs, state: 'live' };
        holds.set(id, hold);
        expiries.add(hold);
        return reply;
      }
      if (!shortfall) throw new TypeError('reserve: asks is empty; give at least one ask');
      return { granted: false, denial: denialOf(shortfall, targets[shortfall.account]!.account) };
    },

    settle({ id, actual, accounts: refs }) {
      const moment = now();
      expire(moment);
      const known = holds.get(id) ?? ended.get(id);
      if (known?.end) return { ...known.end, status: 'duplicate', alerts: [] };
      const hold: Hold = known ?? {
        id,
        amounts: zero,
        pinned: refs.map((ref) => {
          const account = accountOf(ref, moment);
          account.limits = ref.limits;
          return { account, slot: slotAt(account, moment), ref };
        }),
        reply: { granted: true, ask: 0, units: 0, amounts: zero, accounts: [], isReplay: false },
        expiresAt: moment,
        state: 'expired',
      };
      const isLate = hold.state === 'expired';
      const alerts: ThresholdCrossing[] = [];
      const overage = actual ? excess(actual, hold.amounts) : zero;
      for (const { account, slot, ref } of hold.pinned) {
        if (!isLate) {
          slot.held = minus(slot.held, hold.amounts);
          account.liveHolds -= 1;
        } else if (ref.onExpire === 'charge') slot.unconfirmed = minus(slot.unconfirmed, hold.amounts);
        account.lastUsedAt = moment;
        if (!actual) continue;
        slot.settled = plus(slot.settled, actual);
        slot.overage = plus(slot.overage, overage);
        for (const crossing of crossings(account, slot, ref, moment)) alerts.push(crossing);
      }
      hold.state = 'ended';
      hold.end = { status: actual ? (isLate ? 'late' : 'settled') : 'released', overage, alerts };
      holds.delete(id);
      ended.set(id, hold);
      return hold.end;
    },

    extend(id, ttlMs) {
      const moment = now();
      expire(moment);
      const hold = holds.get(id);
      if (!hold) return false;
      hold.expiresAt = Math.max(hold.expiresAt, moment + ttlMs);
      return true;
    },

    read(ref) {
      const moment = now();
      expire(moment);
      const account = accounts.get(keyOf(ref, ref.window));
      if (!account) return emptySnapshot(ref, moment);
      slotAt(account, moment);
      return snapshotOf(account, effectiveLimits(account, ref, moment));
    },

    adjust(ref, adjustment) {
      const moment = now();
      expire(moment);
      const account = accountOf(ref, moment);
      slotAt(account, moment);
      account.limits = ref.limits;
      account.lastUsedAt = moment;
      account.adjustment = adjustment.limits === null ? undefined : adjustment;
      return snapshotOf(account, effectiveLimits(account, ref, moment));
    },

    list({ tenant, scope, most }) {
      const moment = now();
      expire(moment);
      const wanted = [...accounts.values()].filter(
        (a) => (tenant === undefined || a.tenant === tenant) && (scope === undefined || a.scope === scope),
      );
      for (const account of wanted) slotAt(account, moment);
      return wanted
        .map((account) => snapshotOf(account, adjusted(account, account.limits, moment)))
        .sort((a, b) => b.settled.usd - a.settled.usd || b.settled.tokens - a.settled.tokens)
        .slice(0, most);
    },

    erase({ tenant, scope, id }) {
      const prefix = keyPrefix({ tenant, scope, id });
      for (const key of accounts.keys()) if (key.startsWith(prefix)) accounts.delete(key);
    },
  };
}

/** Unambiguous for any ids: each part carries its own length. */
const keyPrefix = ({ tenant, scope, id }: AccountId): string => `${tenant.length}:${tenant}${scope.length}:${scope}${id.length}:${id}`;
const keyOf = (id: AccountId, window: ResolvedWindow): string => `${keyPrefix(id)}|${windowName(window)}`;

/** The slot in which a step at `moment` counts; slots that have left the window are dropped on the way. */
function slotAt(account: Account, moment: number): Slot {
  const { slots, window } = account;
  const newest = slots.at(-1);
  if (newest && (newest.end === null || moment < newest.end)) {
    dropOldSlots(account, moment);
    return newest;
  }
  const slot: Slot = { ...stretchAt(window, moment), settled: zero, held: zero, unconfirmed: zero, overage: zero, alerted: new Map() };
  if (window.kind === 'rolling') slots.push(slot);
  else account.slots = [slot];
  dropOldSlots(account, moment);
  return slot;
}

function dropOldSlots({ window, slots }: Account, moment: number): void {
  if (window.kind !== 'rolling') return;
  while (slots.length > 1 && (slots[0]!.end ?? 0) + window.lengthMs <= moment) slots.shift();
}

const summed = (account: Account, part: 'settled' | 'held' | 'unconfirmed' | 'overage'): Amounts =>
  account.slots.length === 1 ? account.slots[0]![part] : account.slots.reduce((sum, slot) => plus(sum, slot[part]), zero);

const sumsOf = (account: Account): { settled: Amounts; held: Amounts; unconfirmed: Amounts } => ({
  settled: summed(account, 'settled'),
  held: summed(account, 'held'),
  unconfirmed: summed(account, 'unconfirmed'),
});

function adjusted(account: Account, limits: AmountLimits, moment: number): AmountLimits {
  const { adjustment } = account;
  if (!adjustment?.limits) return limits;
  if (adjustment.until !== undefined && adjustment.until <= moment) {
    account.adjustment = undefined;
    return limits;
  }
  return { ...limits, ...adjustment.limits };
}

function effectiveLimits(account: Account, ref: AccountRef, moment: number): AmountLimits {
  const limits = adjusted(account, ref.limits, moment);
  return ref.tighter ? tightest(limits, ref.tighter) : limits;
}

const resetOf = ({ window, slots }: Account): number | null => {
  if (window.kind === 'rolling') return slots.length > 0 ? (slots[0]!.end ?? 0) + window.lengthMs : null;
  return slots.at(-1)?.end ?? null;
};

function snapshotOf(account: Account, limits: AmountLimits): AccountSnapshot {
  const { tenant, scope, id, window } = account;
  return { tenant, scope, id, window, ...sumsOf(account), overage: summed(account, 'overage'), limits, resetsAt: resetOf(account) };
}

function emptySnapshot(ref: AccountRef, moment: number): AccountSnapshot {
  const { tenant, scope, id, window } = ref;
  const limits = ref.tighter ? tightest(ref.limits, ref.tighter) : ref.limits;
  const resetsAt = window.kind === 'rolling' ? null : stretchAt(window, moment).end;
  return { tenant, scope, id, window, settled: zero, held: zero, unconfirmed: zero, overage: zero, limits, resetsAt };
}

function denialOf(shortfall: Shortfall, account: Account): Denial {
  const { tenant, scope, id } = account;
  return { ...shortfall, tenant, scope, id, resetsAt: resetOf(account) };
}

/** The thresholds that this settlement crossed for the first time: in the slot's own window, or within a rolling window's length. */
function crossings(account: Account, slot: Slot, ref: AccountRef, moment: number): ThresholdCrossing[] {
  const found: ThresholdCrossing[] = [];
  const { tenant, scope, id, window } = account;
  const limits = { ...ref.tighter, ...adjusted(account, ref.limits, moment) };
  const isRolling = window.kind === 'rolling';
  const marks = isRolling ? account.alerted : slot.alerted;
  const isMarked = (mark: string): boolean => {
    const at = marks.get(mark);
    return at !== undefined && (!isRolling || moment - at < window.lengthMs);
  };
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (!limit) continue;
    const settled = (isRolling ? summed(account, 'settled') : slot.settled)[dimension];
    for (const threshold of ref.alertAt) {
      const mark = `${dimension}@${threshold}`;
      if (settled < limit * threshold || isMarked(mark)) continue;
      marks.set(mark, moment);
      found.push({ tenant, scope, id, dimension, threshold, settled, limit, resetsAt: resetOf(account) });
    }
  }
  return found;
}

/** An account is dead when nothing it holds can matter again. A live one is never removed to make room. */
function isDead(account: Account, moment: number, retentionMs: number): boolean {
  if (account.liveHolds > 0) return false;
  const { adjustment, window } = account;
  if (adjustment && (adjustment.until === undefined || adjustment.until > moment)) return false;
  if (window.kind === 'lifetime') return account.lastUsedAt + retentionMs < moment;
  const end = account.slots.at(-1)?.end ?? account.lastUsedAt;
  return end + (window.kind === 'rolling' ? window.lengthMs : 0) < moment;
}
