import { excess, zero, type Amounts } from '../core/amounts.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { fit, type Shortfall, type Standing } from '../core/reservation.ts';
import {
  add,
  adjustedLimits,
  emptySnapshot,
  leaveOldSlots,
  limitsFor,
  resetOf,
  slotAt,
  snapshotOf,
  take,
  type Account,
  type Slot,
} from './account.ts';
import { accountBook } from './account-book.ts';
import { crossings } from './alerts.ts';
import { expiryQueue } from './expiry-queue.ts';
import { largest } from './largest.ts';
import { recentMap } from './recent-map.ts';
import { checkReserve, checkSettle } from './requests.ts';
import type { AccountRef, AccountSnapshot, Denial, ReserveReply, SettleReply, Store, ThresholdCrossing } from './store.ts';

/** What was granted: all that a replay of the reservation needs. */
interface Grant {
  readonly ask: number;
  readonly units: number;
  readonly amounts: Amounts;
}

/** An account as a reservation meets it, and the slot in which that one counts and is settled. */
interface Place extends Standing {
  readonly slot: Slot;
  readonly ref: AccountRef;
}

interface Hold extends Grant {
  readonly id: string;
  readonly places: readonly Place[];
  expiresAt: number;
  isLive: boolean;
  /** Where it goes on counting after its expiry, under the policy `charge`. */
  charged: readonly Slot[];
}

/** What is remembered of a reservation that has ended: no accounts, so that the dead are not kept alive by it. */
interface Ended extends Grant {
  readonly status: SettleReply['status'];
  readonly overage: Amounts;
}

/** How many ended reservations are remembered at least, so that a replay is known as one. Some 650 bytes each, most of it the id. */
const REMEMBERED_ENDS = 50_000;

const nothingGranted: Grant = { ask: 0, units: 0, amounts: zero };

/**
 * Keeps budgets in this process. The default store, and the specification of every other.
 *
 * @param options.retention how long an account without a window outlives its last step; default 30 days
 * @param options.now the clock, in milliseconds since the epoch; default `Date.now`
 * @param options.perProcess says that each process is meant to have budgets of its own: a guard warns of it otherwise, where
 *   it can tell that there are several. Default false
 * @example createGuard({ store: memoryStore({ retention: '7d' }) })
 */
export function memoryStore({
  retention = '30d',
  now = Date.now,
  perProcess = false,
}: { retention?: Duration; now?: () => number; perProcess?: boolean } = {}): Store {
  const book = accountBook(durationMs(retention));
  const live = new Map<string, Hold>();
  /** Holds that have expired and may still be settled, and reservations that have ended. */
  const past = recentMap<Hold | Ended>(REMEMBERED_ENDS);
  const expiries = expiryQueue<Hold>(({ isLive }) => isLive);

  /** The moment of an operation. Every operation begins with it: what is overdue expires before anything else is decided. */
  function begin(): number {
    const moment = now();
    for (let hold = expiries.takeDue(moment); hold; hold = expiries.takeDue(moment)) {
      free(hold);
      hold.charged = hold.places.filter(({ ref }) => ref.onExpire === 'charge').map(({ slot }) => slot);
      for (const slot of hold.charged) add(slot, 'unconfirmed', hold.amounts);
      past.set(hold.id, hold);
    }
    return moment;
  }

  function free(hold: Hold): void {
    hold.isLive = false;
    live.delete(hold.id);
    for (const { slot } of hold.places) {
      take(slot, 'held', hold.amounts);
      slot.account.liveHolds -= 1;
    }
  }

  function placesOf(refs: readonly AccountRef[], moment: number): Place[] {
    return refs.map((ref) => {
      const account = book.open(ref, moment);
      account.limits = ref.limits;
      const slot = slotAt(account, moment);
      return { slot, ref, sums: account.total, limits: limitsFor(account, ref, moment), kept: ref.kept };
    });
  }

  /** Where a reader finds what belongs to a place: an account that was removed meanwhile is opened again, an erased one is not. */
  function homeOf({ slot, ref }: Place, moment: number): Slot | undefined {
    if (slot.account.state === 'erased') return undefined;
    if (slot.account.state === 'open') return slot;
    const current = slotAt(book.open(ref, moment), moment);
    return current.start === slot.start ? current : slot;
  }

  function snapshot(ref: AccountRef, moment: number): AccountSnapshot {
    const account = book.find(ref, ref.window);
    if (!account) return emptySnapshot(ref, moment);
    leaveOldSlots(account, moment);
    return snapshotOf(account, limitsFor(account, ref, moment), moment);
  }

  const granted = ({ ask, units, amounts }: Grant, accounts: readonly AccountSnapshot[], isReplay: boolean): ReserveReply => ({
    granted: true,
    ask,
    units,
    amounts,
    accounts,
    isReplay,
  });

  function denied(shortfall: Shortfall, account: Account, moment: number): ReserveReply {
    const { tenant, scope, id } = account;
    const denial: Denial = { ...shortfall, tenant, scope, id, resetsAt: resetOf(account, moment) };
    return { granted: false, denial };
  }

  return {
    name: 'memory',
    inProcess: true,
    perProcess,

    reserve(request) {
      checkReserve(request);
      const { id, accounts: refs, asks, ttlMs } = request;
      const moment = begin();
      const known = live.get(id) ?? past.get(id);
      if (known) {
        const accounts = refs.map((ref) => snapshot(ref, moment));
        return granted(known, accounts, true);
      }
      book.sweep(moment);
      const places = placesOf(refs, moment);
      let shortfall: Shortfall | undefined;
      for (let ask = 0; ask < asks.length; ask += 1) {
        const fitting = fit(asks[ask]!, places);
        if (!fitting.fits) {
          shortfall = fitting.shortfall;
          continue;
        }
        const { amounts, units } = fitting;
        const hold: Hold = { id, ask, units, amounts, places: eachSlotOnce(places), expiresAt: moment + ttlMs, isLive: true, charged: [] };
        for (const { slot } of hold.places) {
          add(slot, 'held', amounts);
          slot.account.liveHolds += 1;
          slot.account.lastUsedAt = moment;
        }
        live.set(id, hold);
        expiries.add(hold);
        const accounts = places.map(({ slot, limits }) => snapshotOf(slot.account, limits, moment));
        return granted(hold, accounts, false);
      }
      return denied(shortfall!, places[shortfall!.account]!.slot.account, moment);
    },

    settle(request) {
      checkSettle(request);
      const { id, actual, accounts: refs } = request;
      const moment = begin();
      const known = live.get(id) ?? past.get(id);
      if (known && 'status' in known) return { status: 'duplicate', overage: known.overage, alerts: [] };
      const { ask, units, amounts } = known ?? nothingGranted;
      const isLate = !known?.isLive;
      if (known?.isLive) {
        free(known);
        expiries.discard();
      }
      for (const slot of known?.charged ?? []) take(slot, 'unconfirmed', amounts);

      const alerts: ThresholdCrossing[] = [];
      const overage = actual ? excess(actual, amounts) : zero;
      for (const place of actual ? (known?.places ?? eachSlotOnce(placesOf(refs, moment))) : []) {
        const slot = homeOf(place, moment);
        if (!slot || !actual) continue;
        slot.account.lastUsedAt = moment;
        add(slot, 'settled', actual);
        if (overage !== zero) add(slot, 'overage', overage);
        for (const crossing of crossings(slot, actual, place.ref, moment)) alerts.push(crossing);
      }
      const status = !actual ? 'released' : isLate ? 'late' : 'settled';
      past.set(id, { ask, units, amounts, status, overage });
      return { status, overage, alerts };
    },

    extend(id, ttlMs) {
      const moment = begin();
      const hold = live.get(id);
      if (!hold) return false;
      hold.expiresAt = Math.max(hold.expiresAt, moment + ttlMs);
      return true;
    },

    read: (ref) => snapshot(ref, begin()),

    adjust(ref, adjustment) {
      const moment = begin();
      const account = book.open(ref, moment);
      leaveOldSlots(account, moment);
      account.limits = ref.limits;
      account.lastUsedAt = moment;
      account.adjustment = adjustment.limits === null ? undefined : adjustment;
      return snapshotOf(account, limitsFor(account, ref, moment), moment);
    },

    list({ tenant, scope, most }) {
      const moment = begin();
      const wanted: Account[] = [];
      for (const account of book.living(moment)) {
        if ((tenant !== undefined && account.tenant !== tenant) || (scope !== undefined && account.scope !== scope)) continue;
        leaveOldSlots(account, moment);
        wanted.push(account);
      }
      return largest(wanted, most, bySpend).map((account) => snapshotOf(account, adjustedLimits(account, account.limits, moment), moment));
    },

    erase: (id) => book.erase(id),
  };
}

/** An account that a request names twice is booked once. */
const eachSlotOnce = (places: readonly Place[]): readonly Place[] =>
  places.some(isRepeated) ? places.filter((...at) => !isRepeated(...at)) : places;

function isRepeated({ slot }: Place, index: number, places: readonly Place[]): boolean {
  for (let before = 0; before < index; before += 1) if (places[before]!.slot === slot) return true;
  return false;
}

const bySpend = ({ total: a }: Account, { total: b }: Account): number =>
  a.settled.usd - b.settled.usd || a.settled.tokens - b.settled.tokens;
