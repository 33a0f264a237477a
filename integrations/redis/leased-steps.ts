import {
  durationMs,
  windowName,
  type AccountRef,
  type Amounts,
  type Ask,
  type Duration,
  type Limits,
  type ReserveReply,
  type ReserveRequest,
  type SettleReply,
  type SettleRequest,
  type ThresholdCrossing,
} from 'holdfast';
import { ownGates, type SlotSteps } from './across-slots.ts';
import { endOf, leaseOf, sum, type Lease, type LeaseTerms } from './lease.ts';
import type { LiveReservation } from './live-reservations.ts';
import { nothing } from './reply.ts';
import type { StepQueue } from './step-queue.ts';

/**
 * Parts of accounts that a process holds for its own steps: these then cost no message. `usd` in dollars and all else as
 * counts says how much of one account a process may hold at once; a dimension that is left out has a share of what is left.
 */
export interface LeaseOptions extends Limits {
  /** After so long what was used is told to the server, and what was not is given back or renewed. Default `'5s'`. */
  readonly for?: Duration;
  /** The scopes whose accounts are leased. Default: all. A step is without a message only where all its accounts are leased. */
  readonly scopes?: readonly string[];
}

/** Steps that draw on leases where they can, and on the server near the limits. */
export interface LeasedSteps extends SlotSteps {
  /** Lets a step live longer. Where the server holds it, too, that part is told; undefined for a step that draws on no lease. */
  extend(id: string, ttlMs: number): boolean | LiveReservation | undefined;
  /** Tells what was used and gives back what no step under way needs. */
  giveBack(): Promise<void>;
  close(): void;
}

/** A step under way that draws on leases. */
interface LeasedStep {
  readonly leases: readonly Lease[];
  readonly reply: ReserveReply & { readonly granted: true };
  /** What the server holds of it, and under which id. */
  readonly there: LiveReservation | undefined;
  expiresAt: number;
  /** Its leases have heard of its end. */
  isEnded: boolean;
}

/** So many ended steps are remembered, so that a repeated message is known as one. */
const REMEMBERED_ENDS = 20_000;
const NANO_PER_USD = 1e9;

export function leasedSteps(
  steps: SlotSteps,
  queue: StepQueue,
  options: LeaseOptions,
  { isCluster, clock, serverNow }: { readonly isCluster: boolean; readonly clock: () => number; readonly serverNow: () => number },
): LeasedSteps {
  const { for: duration = '5s', scopes, ...most } = options;
  const terms: LeaseTerms = {
    forMs: durationMs(duration),
    most: { ...(most as LeaseTerms['most']), ...(most.usd !== undefined && { usd: Math.round(most.usd * NANO_PER_USD) }) },
  };
  const leases = new Map<string, Lease>();
  const known = new WeakMap<AccountRef, string>();
  const live = new Map<string, LeasedStep>();
  const ended = recentEntries<SettleReply>();
  /** Steps that expired, and are held in two parts at the server. */
  const late = recentEntries<readonly LiveReservation[]>();
  let alerts: ThresholdCrossing[] = [];
  const timer = setInterval(() => void giveBack().catch(() => {}), terms.forMs);
  timer.unref();

  /** Accounts under other limits have other leases: each is admitted under its own. */
  function leaseFor(ref: AccountRef): Lease | undefined {
    if (scopes && !scopes.includes(ref.scope)) return undefined;
    let name = known.get(ref);
    if (name === undefined) {
      name = JSON.stringify([ref.tenant, ref.scope, ref.id, windowName(ref.window), ref.limits, ref.tighter, ref.kept]);
      known.set(ref, name);
    }
    let lease = leases.get(name);
    if (!lease) {
      const onAlerts = (crossed: readonly ThresholdCrossing[]): void => void alerts.push(...crossed);
      lease = leaseOf(ref, { queue, slot: isCluster ? ref.tenant : '', terms, clock, serverNow, onAlerts });
      leases.set(name, lease);
    }
    return lease;
  }

  const takeAlerts = (): ThresholdCrossing[] => {
    const taken = alerts;
    if (taken.length > 0) alerts = [];
    return taken;
  };

  /** Whether the gates of an ask are open as far as leases know; the server looks at those of its accounts. */
  function isOpen({ gates = [] }: Ask, amounts: Amounts, accounts: readonly AccountRef[], by: readonly (Lease | undefined)[]): boolean {
    return gates.every(({ account, dimension, below }) => {
      const [ref, seen] = [accounts[account], by[account]?.snapshot()];
      const limit = Math.min(ref?.limits[dimension] ?? Infinity, ref?.tighter?.[dimension] ?? Infinity);
      if (!seen || limit === Infinity) return true;
      return seen.settled[dimension] + seen.unconfirmed[dimension] + seen.held[dimension] + amounts[dimension] <= limit * below;
    });
  }

  /** All accounts at the server: what the leases of this process have left over is given back before it. */
  async function reserveThere(request: ReserveRequest, by: readonly Lease[]): Promise<{ reply: ReserveReply; id: string }> {
    await Promise.all(by.map((lease) => lease.shrink()));
    return steps.reserve(request);
  }

  async function reserve(request: ReserveRequest): Promise<{ reply: ReserveReply; id: string }> {
    const before = live.get(request.id);
    if (before) return { reply: { ...before.reply, isReplay: true }, id: request.id };
    const { id, accounts, asks, ttlMs } = request;
    const by = accounts.map(leaseFor);
    const all = [...new Set(by)].filter((lease) => lease !== undefined);
    // A closing step may use what is kept back, and what a lease holds is never of that.
    if (all.length === 0 || asks.some(({ isClosing }) => isClosing)) return steps.reserve(request);

    const short = new Set<Lease>();
    const chosen = asks.findIndex((ask) => isOpen(ask, wholeOf(ask), accounts, by));
    const ask = asks[chosen];
    if (!ask) return reserveThere(request, all);
    const amounts = wholeOf(ask);
    const lacking = all.filter((lease) => !lease.hasRoomFor(amounts));
    if (lacking.length > 0) {
      await Promise.all(lacking.map((lease) => lease.renew(amounts)));
      for (const lease of all) if (!lease.hasRoomFor(amounts)) short.add(lease);
    }
    const drawn = all.filter((lease) => !short.has(lease));
    if (drawn.length === 0) return reserveThere(request, all);
    for (const lease of drawn) lease.open(amounts);

    const places = [...accounts.keys()].filter((place) => !drawn.includes(by[place]!));
    const expiresAt = clock() + ttlMs;
    if (places.length === 0) {
      const reply = grant(chosen, ask.unitsWanted ?? 0, amounts, accounts, by);
      live.set(id, { leases: drawn, reply, there: undefined, expiresAt, isEnded: false });
      return { reply, id };
    }
    try {
      await Promise.all([...short].map((lease) => lease.shrink()));
      const part = { slot: '', accounts: places.map((place) => accounts[place]!), places };
      const there = await steps.reserve({
        ...request,
        accounts: part.accounts,
        asks: asks.slice(chosen).map((each) => ownGates(each, part)),
      });
      if (!there.reply.granted) {
        const { denial } = there.reply;
        for (const lease of drawn) lease.end(amounts, undefined);
        return { reply: { granted: false, denial: { ...denial, account: places[denial.account] ?? 0 } }, id };
      }
      const granted = there.reply;
      if (!drawn.every((lease) => lease.covers(amounts, granted.amounts))) {
        for (const lease of drawn) lease.end(amounts, undefined);
        await steps.settle({ id: there.id, actual: undefined, accounts: part.accounts });
        return await reserveThere({ ...request, id: `${id}\nthere` }, all);
      }
      for (const lease of drawn) lease.resize(amounts, granted.amounts);
      const mine = grant(chosen + granted.ask, granted.units, granted.amounts, accounts, by);
      const shown = accounts.map((_, place) => (places.includes(place) ? granted.accounts[places.indexOf(place)]! : mine.accounts[place]!));
      const reply = { ...mine, accounts: shown };
      live.set(id, { leases: drawn, reply, there: { id: there.id, accounts: part.accounts }, expiresAt, isEnded: false });
      return { reply, id };
    } catch (error) {
      for (const lease of drawn) lease.end(amounts, undefined);
      throw error;
    }
  }

  async function settle(request: SettleRequest): Promise<SettleReply> {
    const { id, actual } = request;
    const step = live.get(id);
    if (!step) {
      const reply = ended.get(id);
      if (reply) return { ...reply, status: 'duplicate', alerts: [] };
      const replies = await Promise.all((late.get(id) ?? [request]).map((part) => steps.settle({ ...part, actual })));
      late.delete(id);
      return { ...replies[0]!, alerts: replies.flatMap((each) => each.alerts) };
    }
    if (!step.isEnded) for (const lease of step.leases) lease.end(step.reply.amounts, actual);
    step.isEnded = true;
    // A server that does not answer is told again by whoever settles: until then the step is known.
    const there = step.there && (await steps.settle({ ...step.there, actual }));
    live.delete(id);
    const here = endOf(step.reply.amounts, actual, takeAlerts());
    ended.set(id, here);
    return there ? { ...there, alerts: [...here.alerts, ...there.alerts] } : here;
  }

  /**
   * Steps that were neither ended nor extended. What they held in leases becomes a hold at the server that expires at once, by
   * the policy of the account; a late settlement finds it there.
   */
  async function expire(): Promise<void> {
    const now = clock();
    for (const [id, { leases: drawn, reply, there, expiresAt, isEnded }] of live) {
      if (expiresAt > now) continue;
      live.delete(id);
      if (isEnded) continue;
      for (const lease of drawn) lease.end(reply.amounts, undefined);
      const accounts = drawn.map(({ ref }) => ref);
      await steps.reserve({ id: there ? `${id}\nleased` : id, accounts, asks: [{ base: reply.amounts }], ttlMs: 1 });
      if (there) late.set(id, [there, { id: `${id}\nleased`, accounts }]);
    }
  }

  async function giveBack(): Promise<void> {
    await expire();
    await Promise.all([...leases.values()].map((lease) => lease.shrink()));
    for (const [name, lease] of leases) if (lease.isIdle) leases.delete(name);
  }

  return {
    reserve,
    settle,
    extend(id, ttlMs) {
      const step = live.get(id);
      if (!step) return undefined;
      const now = clock();
      const isLive = step.expiresAt > now;
      if (isLive) step.expiresAt = Math.max(step.expiresAt, now + ttlMs);
      return isLive && step.there ? step.there : isLive;
    },
    giveBack,
    close: () => clearInterval(timer),
  };
}

/** Remembers at least the newest entries: when enough are new, the older ones are let go together. */
function recentEntries<T>(): { get(id: string): T | undefined; set(id: string, value: T): void; delete(id: string): void } {
  let [newer, older] = [new Map<string, T>(), new Map<string, T>()];
  return {
    get: (id) => newer.get(id) ?? older.get(id),
    set(id, value) {
      newer.set(id, value);
      if (newer.size >= REMEMBERED_ENDS) [newer, older] = [new Map(), newer];
    },
    delete(id) {
      newer.delete(id);
      older.delete(id);
    },
  };
}

/** All that an ask wants, unclamped. */
function wholeOf({ base, perUnit, unitsWanted = 0 }: Ask): Amounts {
  if (!perUnit || unitsWanted === 0) return base;
  return sum(base, perUnit, unitsWanted);
}

function grant(
  ask: number,
  units: number,
  amounts: Amounts,
  accounts: readonly AccountRef[],
  by: readonly (Lease | undefined)[],
): ReserveReply & { readonly granted: true } {
  const shown = accounts.map(({ tenant, scope, id, window, limits }, place) => {
    const seen = by[place]?.snapshot();
    const empty = { settled: nothing, held: nothing, unconfirmed: nothing, overage: nothing, resetsAt: null, limits };
    return { ...(seen ?? empty), tenant, scope, id, window };
  });
  return { granted: true, ask, units, amounts, accounts: shown, isReplay: false };
}
