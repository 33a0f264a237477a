import {
  durationMs,
  type AccountId,
  type Amounts,
  type Duration,
  type Limits,
  type ReserveRequest,
  type SettleReply,
  type SettleRequest,
} from 'holdfast';
import { ownGates, type Answered, type SlotSteps } from './across-slots.ts';
import { endOf, leaseOf, type Lease, type LeaseTerms } from './lease.ts';
import { leaseBook } from './lease-book.ts';
import { elsewhere, isThere, leasedPart, nothingGranted, type LeasedStep, type Past } from './leased-records.ts';
import { firstOpen, grantOf, wholeOf, type Granted } from './leased-grants.ts';
import type { LiveReservation } from './live-reservations.ts';
import { recentEntries } from './recent-entries.ts';
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
  /** An account is erased: steps under way settle into the others only. */
  forget(account: AccountId): void;
  close(): void;
}

type Ended = Pick<SettleReply, 'status' | 'overage'>;

/** So many steps that are over, or that the server knows of, are remembered, so that a repeated message is known as one. */
const REMEMBERED = 20_000;
/** How long a step that expired is kept in the lease of a window that is over. */
const REMEMBER_EXPIRED_MS = 86_400_000;
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
  const book = leaseBook(
    (ref, onAlerts) => leaseOf(ref, { queue, slot: isCluster ? ref.tenant : '', terms, clock, serverNow, onAlerts }),
    scopes,
  );
  const live = new Map<string, LeasedStep>();
  const past = recentEntries<Past>(REMEMBERED);
  /** Ids about which the server is being asked: who comes with the same one waits. */
  const busy = new Map<string, Promise<unknown>>();
  const timer = setInterval(() => void giveBack().catch(() => {}), terms.forMs);
  timer.unref();

  /** Does what asks the server of an id, after what was asked of it before. */
  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (busy.get(id) ?? Promise.resolve()).then(work, work);
    const done = (): void => {
      if (busy.get(id) === turn) busy.delete(id);
    };
    busy.set(id, turn);
    turn.then(done, done);
    return turn;
  }

  /** All accounts at the server: what the leases of this process have left over is given back before it. */
  async function reserveThere(request: ReserveRequest, by: readonly Lease[], as = request.id): Promise<Answered> {
    const { id, accounts } = request;
    await Promise.all(by.map((lease) => lease.shrink()));
    past.set(id, as === id ? isThere : { parts: [{ id: as, accounts }] });
    const answer = await steps.reserve({ ...request, id: as });
    if (!answer.reply.granted) past.delete(id);
    else if (answer.id !== id) past.set(id, { granted: answer.reply, parts: [{ id: answer.id, accounts }] });
    return answer;
  }

  /** Of an id that is known the first answer is given again. */
  async function reserveAgain(request: ReserveRequest, { granted, parts = [], isUnsure }: Past): Promise<Answered> {
    const { id, accounts } = request;
    if (granted) return { reply: grantOf(granted, accounts, book.leasesFor(accounts), true), id };
    if (!isUnsure) return steps.reserve({ ...request, id: parts[0]?.id ?? id });
    await Promise.all(parts.map((part) => steps.settle({ ...part, actual: undefined })));
    return reserveThere(request, [], elsewhere(id));
  }

  function reserve(request: ReserveRequest): Promise<Answered> {
    const { id, accounts, asks } = request;
    if (accounts.length > 0 && !live.has(id) && !busy.has(id) && !past.get(id)) {
      const by = book.leasesFor(accounts);
      const chosen = firstOpen(asks, by);
      const ask = asks[chosen];
      if (ask && !asks.some(({ isClosing }) => isClosing)) {
        const amounts = wholeOf(ask);
        if (by.every((lease) => lease?.hasRoomFor(amounts))) return Promise.resolve(drawAll(request, chosen, amounts, by as Lease[]));
      }
    }
    return inTurn(id, () => reserveNow(request));
  }

  /** The whole step draws on leases: nobody is asked. */
  function drawAll({ id, accounts, asks, ttlMs }: ReserveRequest, ask: number, amounts: Amounts, by: readonly Lease[]): Answered {
    const drawn = by.every((lease, place) => by.indexOf(lease) === place) ? by : [...new Set(by)];
    for (const lease of drawn) lease.open(amounts);
    const reply = grantOf({ ask, units: asks[ask]?.unitsWanted ?? 0, amounts }, accounts, by, false);
    live.set(id, { leases: drawn, reply, there: [], expiresAt: clock() + ttlMs, isEnded: false });
    return { reply, id, isHere: true };
  }

  async function reserveNow(request: ReserveRequest): Promise<Answered> {
    const { id, accounts, asks } = request;
    const before = live.get(id);
    if (before) return { reply: { ...before.reply, isReplay: true }, id };
    const known = past.get(id);
    if (known) return reserveAgain(request, known);

    book.retireOverdue();
    const by = book.leasesFor(accounts);
    const all = [...new Set(by)].filter((lease) => lease !== undefined);
    // A closing step may use what is kept back, and what a lease holds is never of that.
    const chosen = asks.some(({ isClosing }) => isClosing) ? -1 : firstOpen(asks, by);
    const ask = asks[chosen];
    if (!ask || all.length === 0) return reserveThere(request, all);
    const amounts = wholeOf(ask);
    await Promise.all(all.filter((lease) => !lease.hasRoomFor(amounts)).map((lease) => lease.renew(amounts)));
    const drawn = all.filter((lease) => lease.hasRoomFor(amounts));
    // What was learnt of an account meanwhile can have shut a gate.
    if (drawn.length === 0 || firstOpen(asks, by) !== chosen) return reserveThere(request, all);
    if (by.every((lease) => lease && drawn.includes(lease))) return drawAll(request, chosen, amounts, by as Lease[]);
    return (await drawSome(request, chosen, amounts, by, all)) ?? reserveThere(request, all, elsewhere(id));
  }

  /** Some accounts by leases, the others at the server. Undefined where what the server granted needs more of the leases. */
  async function drawSome(
    request: ReserveRequest,
    chosen: number,
    amounts: Amounts,
    by: readonly (Lease | undefined)[],
    all: readonly Lease[],
  ): Promise<Answered | undefined> {
    const { id, accounts, asks, ttlMs } = request;
    const drawn = all.filter((lease) => lease.hasRoomFor(amounts));
    const places = [...accounts.keys()].filter((place) => !drawn.includes(by[place]!));
    const part = { slot: '', accounts: places.map((place) => accounts[place]!), places };
    for (const lease of drawn) lease.open(amounts);
    let granted: Granted | undefined;
    try {
      await Promise.all(all.filter((lease) => !drawn.includes(lease)).map((lease) => lease.shrink()));
      past.set(id, { parts: [{ id, accounts: part.accounts }, leasedPart(id, drawn)], isUnsure: true });
      const there = await steps.reserve({
        ...request,
        accounts: part.accounts,
        asks: asks.slice(chosen).map((each) => ownGates(each, part)),
      });
      past.delete(id);
      if (!there.reply.granted) {
        const { denial } = there.reply;
        return { reply: { granted: false, denial: { ...denial, account: places[denial.account] ?? 0 } }, id };
      }
      const held = { id: there.id, accounts: part.accounts };
      if (!drawn.every((lease) => lease.covers(amounts, (there.reply as Granted).amounts))) {
        past.set(id, { parts: [held], isUnsure: true });
        await steps.settle({ ...held, actual: undefined });
        return undefined;
      }
      granted = there.reply;
      for (const lease of drawn) lease.resize(amounts, granted.amounts);
      const mine = grantOf({ ...granted, ask: chosen + granted.ask }, accounts, by, false);
      const shown = accounts.map((_, place) =>
        places.includes(place) ? granted!.accounts[places.indexOf(place)]! : mine.accounts[place]!,
      );
      const reply = { ...mine, accounts: shown };
      live.set(id, { leases: drawn, reply, there: [held], expiresAt: clock() + ttlMs, isEnded: false });
      return { reply, id };
    } finally {
      if (!granted) for (const lease of drawn) lease.end(amounts, undefined);
    }
  }

  function settle(request: SettleRequest): Promise<SettleReply> {
    const { id, actual } = request;
    const step = busy.has(id) ? undefined : live.get(id);
    if (!step) return inTurn(id, () => settleNow(request));
    if (step.there.length > 0 || step.doubtful) return settleNow(request);
    const isLate = step.expiresAt <= clock();
    const isCrossing = endInLeases(step, actual);
    const end = remember(id, step, actual, isLate);
    return isCrossing ? tellCrossing(step, end, []) : Promise.resolve({ ...end, alerts: book.takeAlerts() });
  }

  /** Says whether a threshold may be crossed. */
  function endInLeases(step: LeasedStep, actual: Amounts | undefined): boolean {
    if (step.isEnded) return false;
    step.isEnded = true;
    let isCrossing = false;
    for (const lease of step.leases) if (lease.end(step.reply.amounts, actual)) isCrossing = true;
    return isCrossing;
  }

  /** The step is over: says how it ended here. */
  function remember(id: string, step: LeasedStep, actual: Amounts | undefined, isLate: boolean): Ended {
    live.delete(id);
    const end = endOf(step.reply.amounts, actual, isLate);
    const { ask, units, amounts } = step.reply;
    past.set(id, { granted: { ask, units, amounts }, end });
    return end;
  }

  /** The server says who is the first to cross a threshold. Where it does not answer, it says so when it is told the next time. */
  async function tellCrossing(step: LeasedStep, end: Ended, alerts: SettleReply['alerts']): Promise<SettleReply> {
    await Promise.all(step.leases.map((lease) => lease.shrink())).catch(() => {});
    return { ...end, alerts: [...book.takeAlerts(), ...alerts] };
  }

  async function settleNow(request: SettleRequest): Promise<SettleReply> {
    const { id, actual } = request;
    const step = live.get(id);
    if (!step) return settlePast(request);
    const isLate = step.expiresAt <= clock();
    const isCrossing = endInLeases(step, actual);
    // A server that does not answer is told again by whoever settles: until then the step is known.
    const [there, ...others] = step.there.length > 0 ? await settleParts(step.there, actual) : [];
    if (step.doubtful) await steps.settle({ ...step.doubtful, actual: undefined });
    const end = remember(id, step, actual, isLate);
    const alerts = [there, ...others].flatMap((reply) => reply?.alerts ?? []);
    return isCrossing ? tellCrossing(step, there ?? end, alerts) : { ...(there ?? end), alerts: [...book.takeAlerts(), ...alerts] };
  }

  async function settlePast(request: SettleRequest): Promise<SettleReply> {
    const known = past.get(request.id);
    if (known?.end) return { ...known.end, status: 'duplicate', alerts: [] };
    const replies = await settleParts(known?.parts ?? [request], request.actual);
    const granted = known?.granted ?? nothingGranted;
    const { status, overage } = replies[0] ?? endOf(granted.amounts, request.actual, true);
    past.set(request.id, known?.parts ? { granted, end: { status, overage } } : isThere);
    return { status, overage, alerts: replies.flatMap((reply) => reply.alerts) };
  }

  const settleParts = (parts: readonly LiveReservation[], actual: Amounts | undefined): Promise<SettleReply[]> =>
    Promise.all(parts.map((part) => steps.settle({ ...part, actual })));

  /** Steps that were neither ended nor extended. */
  async function expire(): Promise<void> {
    const now = clock();
    const overdueSteps = [...live].filter(([, { expiresAt }]) => expiresAt <= now);
    await Promise.all(overdueSteps.map(([id, step]) => inTurn(id, () => expireStep(id, step))));
  }

  /**
   * What a step held in leases becomes a hold at the server that expires at once, by the policy of the account; a late
   * settlement finds it there. In a window that is over it stays where it is, and is settled there.
   */
  async function expireStep(id: string, step: LeasedStep): Promise<void> {
    if (live.get(id) !== step || step.expiresAt > clock()) return;
    const { amounts } = step.reply;
    const isOld = step.expiresAt + REMEMBER_EXPIRED_MS <= clock();
    const leaving = step.isEnded || isOld ? step.leases : step.leases.filter((lease) => !lease.isOver);
    const hold = leasedPart(id, leaving);
    const own = step.there.length > 0 ? hold : { ...hold, id };
    const isToBeHeld = leaving.length > 0 && !step.isEnded && !isOld;
    const letGo = (): void => {
      if (!step.isEnded) for (const lease of leaving) lease.end(amounts, undefined);
      step.leases = step.leases.filter((lease) => !leaving.includes(lease));
      if (isToBeHeld) step.there = [...step.there, own];
      if (step.leases.length > 0) return;
      live.delete(id);
      past.set(id, { granted: step.reply, parts: step.there });
    };
    // Under the policy `charge` the room goes from the lease to the hold without a gap, or stays where it is.
    const isCharging = leaving.some(({ ref }) => ref.onExpire === 'charge');
    if (!isCharging || !isToBeHeld) letGo();
    if (!isToBeHeld) return;
    if (isCharging) step.doubtful = own;
    else await Promise.all(leaving.map((lease) => lease.shrink()));
    const { reply } = await steps.reserve({ id: own.id, accounts: own.accounts, asks: [{ base: amounts }], ttlMs: 0 });
    step.doubtful = undefined;
    if (isCharging && reply.granted) letGo();
  }

  async function giveBack(): Promise<void> {
    await expire();
    await book.shrinkAll();
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
      return isLive ? (step.there[0] ?? true) : false;
    },
    giveBack,
    forget({ tenant, scope, id }) {
      const isErased = ({ ref }: Lease): boolean => ref.tenant === tenant && ref.scope === scope && ref.id === id;
      book.remove(isErased);
      for (const step of live.values()) step.leases = step.leases.filter((lease) => !isErased(lease));
    },
    close: () => clearInterval(timer),
  };
}
