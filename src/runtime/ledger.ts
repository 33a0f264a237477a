import { randomUUID } from 'node:crypto';
import { dimensions, excess, isWithin, type Amounts } from '../core/amounts.ts';
import type { WithoutStore } from '../core/budget.ts';
import type { Ask } from '../core/reservation.ts';
import type { AccountRef, ReserveReply, ReserveRequest, SettleReply, SettleRequest, Store, ThresholdCrossing } from '../stores/store.ts';
import type { AccountPlan } from './accounts.ts';
import type { Clock } from './clock.ts';
import type { Events } from './events.ts';
import { createJournal } from './journal.ts';
import { detach, isPromise, withinTime } from './time-limit.ts';

/** What became of a hold. */
export interface Settlement {
  /** It had ended before, and nothing was booked again. */
  readonly isDuplicate: boolean;
  readonly alerts: readonly ThresholdCrossing[] | Promise<readonly ThresholdCrossing[]>;
}

/** What a ledger answers: as a store does, or that the store did not answer and an account's policy is `closed`. */
export type LedgerReply = ReserveReply | { readonly granted: false; readonly denial?: undefined; readonly error: unknown };

export interface LedgerRequest {
  readonly id: string;
  readonly plan: AccountPlan;
  readonly asks: readonly Ask[];
  readonly ttlMs: number;
}

/** One book over the guard's store and, beside a store that can fail, one of the runs in this process. */
export interface Ledger {
  reserve(request: LedgerRequest): LedgerReply | Promise<LedgerReply>;
  /** Books what was used, or gives the hold back. Never rejects: what the store does not take, even when asked again, becomes an event. */
  settle(id: string, plan: AccountPlan, actual: Amounts | undefined): Settlement;
  extend(id: string, ttlMs: number): void;
  /** Sees to it that at least this much is booked on the account of a run that goes on here: a promise where a store is asked. */
  restore(run: AccountRef, used: Amounts): void | Promise<void>;
  /** Resolves when everything that was handed over is written, or waits in the journal for a store that is away. */
  flush(): Promise<void>;
  /** Sends once more what waits for the store. What it does not take then is lost, and told so. */
  close(): Promise<void>;
}

export interface LedgerParts {
  readonly store: Store;
  /** Keeps the accounts of runs, and of others under the policy `local`, while the store is away. */
  readonly local: Store;
  readonly clock: Clock;
  readonly events: Events;
  readonly storeTimeoutMs: number;
}

/** Pauses before a settlement is tried again. The same id is used: it is booked once, however often it arrives. */
const SETTLE_RETRY_MS = [50, 250, 1_000];

export const createLedger = (parts: LedgerParts): Ledger => (parts.store.inProcess ? singleLedger(parts) : pairedLedger(parts));

/** The store is in this process: it answers at once and cannot be away. */
function singleLedger({ store, events }: LedgerParts): Ledger {
  return {
    reserve: ({ id, plan, asks, ttlMs }) => store.reserve({ id, accounts: plan.refs, asks, ttlMs }),
    settle(id, plan, actual) {
      const reply = atOnce(store.settle({ id, actual, accounts: plan.refs }));
      if (reply.status === 'late') events.emit('hold:expired', { reservation: id });
      return settlement(reply);
    },
    extend: (id, ttlMs) => void store.extend(id, ttlMs),
    restore: (run, used) => bookHere(store, run, used),
    flush: async () => {},
    close: async () => {},
  };
}

/** The store can be away: runs are booked here too, so that their limits hold come what may. */
function pairedLedger({ store, local, clock, events, storeTimeoutMs }: LedgerParts): Ledger {
  const pending = new Set<Promise<unknown>>();
  /** Steps that went on without the store. `isHeldHere`: other accounts than the run's are held in this process, too. */
  const away = new Map<string, { readonly isHeldHere: boolean; readonly wasSent: boolean }>();

  const ask = async <T>(what: string, answer: () => T | PromiseLike<T>, isAwaited = true): Promise<T> => {
    const asked = withinTime(`store.${what}`, Promise.resolve().then(answer), storeTimeoutMs, clock, isAwaited);
    return events.has('store:answer') ? timed(what, asked) : asked;
  };
  async function timed<T>(operation: string, asked: Promise<T>): Promise<T> {
    const begunAt = performance.now();
    const tell = (isError: boolean): void => events.emit('store:answer', { operation, durationMs: performance.now() - begunAt, isError });
    try {
      const answer = await asked;
      tell(false);
      return answer;
    } catch (error) {
      tell(true);
      throw error;
    }
  }
  const failed = (operation: string, policy: WithoutStore, error: unknown): void =>
    events.emit('store:error', { operation, policy, error });
  const journal = createJournal({
    clock,
    settle: (request, isAwaited) => ask('settle', () => store.settle(request), isAwaited),
    onError: (operation, error) => failed(operation, 'open', error),
    onRecovered: (settlements) => events.emit('store:recovered', { settlements }),
  });

  /** Reserves in this process only. The accounts of runs come first in every plan, so gates keep their places. */
  function reserveHere({ id, plan, asks, ttlMs }: LedgerRequest): ReserveReply {
    const accounts = plan.runRefs.map((ref) => ({ ...ref, alertAt: [] }));
    const own = asks.map((each) => ({ ...each, gates: (each.gates ?? []).filter(({ account }) => account < accounts.length) }));
    return atOnce(local.reserve({ id, accounts, asks: own, ttlMs }));
  }

  const settleHere = (id: string, plan: AccountPlan, actual: Amounts | undefined): SettleReply =>
    atOnce(local.settle({ id, actual, accounts: plan.runRefs.map((ref) => ({ ...ref, alertAt: [] })) }));

  /** A store that did not answer may have granted all the same: it is told that nothing came of it. */
  const forget = (id: string, plan: AccountPlan): void =>
    detach(ask('settle', () => store.settle({ id, actual: undefined, accounts: plan.refs })));

  /** What is granted while the store is away: by each account's policy. */
  function reserveAway(request: LedgerRequest, here: ReserveReply & { granted: true }, error: unknown): LedgerReply {
    const { id, plan, ttlMs } = request;
    const policy = plan.policies.includes('closed') ? 'closed' : plan.policies.includes('local') ? 'local' : 'open';
    const wasSent = mayHaveArrived(error);
    failed('reserve', policy, error);
    if (policy === 'closed') {
      settleHere(id, plan, undefined);
      if (wasSent) forget(id, plan);
      return { granted: false, error };
    }
    if (policy === 'open') {
      away.set(id, { isHeldHere: false, wasSent });
      return here;
    }
    const accounts = plan.awayRefs;
    const granted = request.asks[here.ask];
    const asks = granted ? [{ ...granted, unitsWanted: here.units, gates: [] }] : [];
    const reply = atOnce(local.reserve({ id: awayId(id), accounts, asks, ttlMs }));
    if (!reply.granted) {
      settleHere(id, plan, undefined);
      if (wasSent) forget(id, plan);
      return reply;
    }
    away.set(id, { isHeldHere: true, wasSent });
    return { ...here, units: reply.units, amounts: reply.amounts };
  }

  async function settleThere(request: SettleRequest, pauses: readonly number[]): Promise<SettleReply | undefined> {
    for (const pauseMs of [...pauses, undefined]) {
      try {
        const reply = await ask('settle', () => store.settle(request));
        journal.wake();
        return reply;
      } catch (error) {
        failed('settle', 'open', error);
        if (pauseMs === undefined) return undefined;
        await new Promise<void>((resume) => clock.setTimeout(resume, pauseMs, true));
      }
    }
    return undefined;
  }

  const track = <T>(work: Promise<T>): Promise<T> => {
    const tracked = work.finally(() => pending.delete(tracked));
    pending.add(tracked);
    return tracked;
  };

  return {
    reserve(request) {
      const here = reserveHere(request);
      if (!here.granted) return here;
      const { id, plan, ttlMs } = request;
      const asks = request.asks
        .map((each, index) => (index === here.ask && each.perUnit ? { ...each, unitsWanted: here.units } : each))
        .slice(here.ask);
      const there: ReserveRequest = { id, accounts: plan.refs, asks, ttlMs };
      return ask('reserve', () => store.reserve(there)).then(
        (reply) => {
          journal.wake();
          if (!reply.granted) {
            settleHere(id, plan, undefined);
            return reply;
          }
          return { ...reply, ask: reply.ask + here.ask };
        },
        (error: unknown) => reserveAway(request, here, error),
      );
    },
    settle(id, plan, actual) {
      const here = settleHere(id, plan, actual);
      const wentOn = away.get(id);
      away.delete(id);
      if (wentOn?.isHeldHere) atOnce(local.settle({ id: awayId(id), actual, accounts: [] }));
      // Of what never reached the store and came to nothing it need not know.
      if (wentOn && !wentOn.wasSent && !actual) return settlement(here);
      const request = { id, actual, accounts: plan.refs };
      // A store that is known to be away is asked once, and no run waits for its end because of it.
      const isAway = wentOn !== undefined || journal.size > 0;
      let later: Promise<SettleReply | undefined> | undefined;
      const there = track(
        settleThere(request, isAway ? [] : SETTLE_RETRY_MS).then((reply) => {
          if (!reply) later = journal.add(request);
          else if (reply.status === 'late' && !wentOn) events.emit('hold:expired', { reservation: id });
          return reply;
        }),
      );
      return { ...settlement(here), alerts: there.then((reply) => reply ?? later).then((reply) => reply?.alerts ?? []) };
    },
    extend(id, ttlMs) {
      atOnce(local.extend(id, ttlMs));
      if (away.get(id)?.isHeldHere) atOnce(local.extend(awayId(id), ttlMs));
      detach(
        ask('extend', () => store.extend(id, ttlMs), false),
        (error) => failed('extend', 'open', error),
      );
    },
    async restore(run, used) {
      bookHere(local, run, used);
      try {
        // Another process may have gone on from the same snapshot and have used more: the store knows, and this process is told.
        const { settled } = await ask('read', () => store.read(run));
        bookHere(local, run, settled);
        // The same figures have the same name: two processes that go on from one snapshot book them once.
        const name = dimensions.map((dimension) => `${settled[dimension]}-${used[dimension]}`).join(' ');
        await ask('settle', () => book(store, run, used, settled, name));
      } catch (error) {
        failed('restore', 'open', error);
      }
    },
    async flush() {
      await Promise.allSettled(pending);
      if (!store.flush) return;
      await ask('flush', () => store.flush?.()).catch((error: unknown) => failed('flush', 'open', error));
    },
    close: () => journal.close(),
  };
}

/** Books what a run used before and this store does not know of. Its thresholds were told of then. */
function book(store: Store, run: AccountRef, used: Amounts, known: Amounts, name: string): unknown {
  if (isWithin(used, known)) return undefined;
  return store.settle({ id: `${run.id} restored ${name}`, actual: excess(used, known), accounts: [{ ...run, alertAt: [] }] });
}

function bookHere(store: Store, run: AccountRef, used: Amounts): void {
  book(store, run, used, atOnce(store.read(run)).settled, randomUUID());
}

const settlement = ({ status, alerts }: SettleReply): Settlement => ({ isDuplicate: status === 'duplicate', alerts });

/** A store that knows that nothing was sent says so by `wasSent: false` in its error. */
const mayHaveArrived = (error: unknown): boolean => (error as { wasSent?: unknown } | undefined)?.wasSent !== false;

const awayId = (id: string): string => `${id}@away`;

/** The store of this process answers at once. */
function atOnce<T>(answer: T | PromiseLike<T>): T {
  if (isPromise(answer)) throw new TypeError('the local store must answer at once');
  return answer;
}
