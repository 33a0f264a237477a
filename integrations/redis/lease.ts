import { randomUUID } from 'node:crypto';
import {
  dimensions,
  stretchAt,
  type AccountRef,
  type AccountSnapshot,
  type Amounts,
  type Dimension,
  type SettleReply,
  type ThresholdCrossing,
} from 'holdfast';
import { StoreDataLostError } from './data-loss.ts';
import { addTo, endless, hasRoom, reachesAny, sum, type Sums } from './lease-sums.ts';
import { nothing } from './reply.ts';
import type { StepQueue } from './step-queue.ts';

/** What leases are like, in integers. */
export interface LeaseTerms {
  /** At most so much of an account is held at once, per dimension. */
  readonly most: Partial<Record<Dimension, number>>;
  readonly forMs: number;
}

/**
 * A part of one account that this process holds for its own steps: on the server it is a hold like any other. What is open
 * (steps under way) and what was used are counted here, and told with the next exchange.
 */
export interface Lease {
  readonly ref: AccountRef;
  /** Whether a step that may use so much fits into what is left, now. */
  hasRoomFor(amounts: Amounts): boolean;
  /** Exchanges what is held for enough for steps like this one, unless the limit is near: then each step asks the server for a while. */
  renew(step: Amounts): Promise<void>;
  /** Gives back what no step under way needs, and tells what was used. */
  shrink(): Promise<void>;
  open(amounts: Amounts): void;
  /** Whether what a step was opened with covers other amounts, and lets it have these. */
  covers(before: Amounts, amounts: Amounts): boolean;
  resize(before: Amounts, amounts: Amounts): void;
  /** Ends a step: undefined was not used at all. Says whether a threshold of the account may be crossed by it. */
  end(amounts: Amounts, actual: Amounts | undefined): boolean;
  /** The account as this process knows it. */
  snapshot(): AccountSnapshot | undefined;
  /** Whether nothing is under way, nothing untold and nothing held. */
  readonly isIdle: boolean;
  /** Whether its window is over: steps that were begun in it are settled there, and further ones need another lease. */
  readonly isOver: boolean;
}

export interface LeaseParts {
  readonly queue: StepQueue;
  readonly slot: string;
  readonly terms: LeaseTerms;
  /** A clock that is never put back, and the server's time as this process knows it. */
  readonly clock: () => number;
  readonly serverNow: () => number;
  /** Thresholds that were crossed when something was told. */
  readonly onAlerts: (alerts: readonly ThresholdCrossing[]) => void;
}

/** The hold on the server outlives the lease by as much as an exchange may take. */
const GRACE_MS = 30_000;
/** A lease is for so many steps at least; where there is not enough for them, each step asks the server. */
const STEPS_LEAST = 4;
/** And for so many at most, where its terms and limits say nothing. */
const STEPS_MOST = 10_000;
/** How much more there is of dimensions for which the terms of a lease say nothing. */
const PLENTY = 16;
/** Not more than this part of what an account has left is leased at once: others want some, too. */
const SHARE = 1 / 4;
/** How long each step asks the server when there was not enough left for a lease. */
const NEAR_LIMIT_MS = 250;

/** An exchange that was sent and not answered yet is sent again as it was: by its ids, it is done once. */
interface Exchange {
  readonly settled: { readonly id: string; readonly actual: Amounts } | undefined;
  readonly next: { readonly id: string; readonly asks: readonly Amounts[] } | undefined;
  readonly sentAt: number;
}

export function leaseOf(ref: AccountRef, { queue, slot, terms, clock, serverNow, onAlerts }: LeaseParts): Lease {
  const limited = dimensions.filter((dimension) => ref.limits[dimension] !== undefined || ref.tighter?.[dimension] !== undefined);
  const ceiling = (dimension: Dimension): number => Math.min(ref.limits[dimension] ?? Infinity, ref.tighter?.[dimension] ?? Infinity);
  const settled: Sums = { ...nothing };
  const opened: Sums = { ...nothing };
  let underWay = 0;
  /** Steps that wait for it to be renewed: it is not idle, even where nothing is held yet. */
  let renewing = 0;
  let id: string | undefined;
  let held = nothing;
  /** What is held, and Infinity where the account has no limit. */
  let most: Amounts = nothing;
  /** The account as the server showed it last, without what it held for this lease and with what it was told since. */
  let seen: AccountSnapshot | undefined;
  let validUntil = 0;
  /** When the stretch of time ends in which the server's hold was made, by its clock. */
  let endsAt = Infinity;
  /** The next threshold of each dimension: how much settled here reaches it, or Infinity. */
  let watched = endless;
  let nearLimitUntil = 0;
  let unansweredExchange: Exchange | undefined;
  let exchanging: Promise<void> | undefined;

  const isPast = (): boolean => endsAt !== Infinity && serverNow() >= endsAt;
  const isValid = (): boolean => id !== undefined && clock() < validUntil && !isPast();
  /** In a rolling window what is under way goes along into the next slot, and counts the longer. */
  const isOver = (): boolean => ref.window.kind === 'calendar' && isPast();

  /** What may be leased of a dimension at once. */
  function mostOf(dimension: Dimension): number {
    const used = seen ? seen.settled[dimension] + seen.unconfirmed[dimension] + seen.held[dimension] + opened[dimension] : 0;
    const free = Math.max(0, ceiling(dimension) - (ref.kept?.[dimension] ?? 0) - used);
    return Math.floor(Math.min(free * SHARE, terms.most[dimension] ?? Infinity));
  }

  /**
   * What to lease for steps like this one: enough for as many in each dimension. Steps use less than they hold, most of all
   * fewer dollars: of dimensions for which the terms say nothing there is more, so that they do not end a lease before its time.
   */
  function leaseFor(step: Amounts, part: number): Amounts | undefined {
    let steps = STEPS_MOST;
    for (const dimension of limited) if (step[dimension] > 0) steps = Math.min(steps, Math.floor(mostOf(dimension) / step[dimension]));
    if (steps * part < STEPS_LEAST) return undefined;
    const lease: Sums = { ...opened };
    for (const dimension of dimensions) {
      const plenty = step[dimension] * steps * (terms.most[dimension] === undefined ? PLENTY : 1);
      lease[dimension] += Math.floor(Math.min(plenty, limited.includes(dimension) ? mostOf(dimension) : Infinity) * part);
    }
    return lease;
  }

  function exchangeFor(step: Amounts | undefined): Exchange {
    // What was used and has no hold any more (it was refused, or its server lost its data) is booked by itself.
    const isUntold = dimensions.some((dimension) => settled[dimension] > 0);
    const settlement =
      id !== undefined ? { id, actual: { ...settled } } : isUntold ? { id: randomUUID(), actual: { ...settled } } : undefined;
    const asks: Amounts[] = [];
    // The server may have less than this process believes: then it is asked for less.
    for (const part of [1, 1 / 4, 1 / 16]) {
      const lease = step && leaseFor(step, part);
      if (lease) asks.push(lease);
    }
    if (underWay > 0) asks.push({ ...opened });
    return { settled: settlement, next: asks.length > 0 ? { id: randomUUID(), asks } : undefined, sentAt: clock() };
  }

  async function exchange(step: Amounts | undefined): Promise<void> {
    unansweredExchange ??= exchangeFor(step);
    const { settled: told, next, sentAt } = unansweredExchange;
    if (!told && !next) {
      unansweredExchange = undefined;
      return;
    }
    const accounts = [ref];
    const [ended, reply] = await queue
      .exchange(
        slot,
        told && { id: told.id, actual: told.actual, accounts },
        next && { id: next.id, accounts, asks: next.asks.map((base) => ({ base })), ttlMs: terms.forMs + GRACE_MS },
      )
      .catch((error: unknown) => {
        if (!(error instanceof StoreDataLostError)) throw error;
        return [undefined, undefined] as const;
      });
    unansweredExchange = undefined;
    if (told) {
      addTo(settled, told.actual, -1);
      seen &&= { ...seen, settled: sum(seen.settled, told.actual) };
    }
    [id, held] = reply?.granted ? [next?.id, reply.amounts] : [undefined, nothing];
    most = { ...endless, ...Object.fromEntries(limited.map((dimension) => [dimension, held[dimension]])) };
    // Reckoned from the moment of sending: it may be too early, never too late.
    endsAt = reply?.granted ? (stretchAt(ref.window, serverNow() - (clock() - sentAt)).end ?? Infinity) : Infinity;
    const account = reply?.granted ? reply.accounts[0] : undefined;
    if (account) [seen, validUntil] = [{ ...account, held: sum(account.held, held, -1) }, sentAt + terms.forMs];
    lookAhead();
    if (ended) onAlerts(ended.alerts);
  }

  /** One exchange at a time. */
  function exchangeOnce(step: Amounts | undefined): Promise<void> {
    exchanging ??= exchange(step).finally(() => (exchanging = undefined));
    return exchanging;
  }

  /** Waits for the exchange that is under way, and does again the one that was not answered: then it is known what is held. */
  async function certain(): Promise<void> {
    const pending = exchanging?.catch(() => {}) ?? (unansweredExchange && exchangeOnce(undefined));
    if (!pending) return;
    await pending;
    await certain();
  }

  async function shrink(): Promise<void> {
    await certain();
    if ((isOver() && underWay > 0) || isBare()) return;
    // Another one may have begun meanwhile.
    await (exchanging ? shrink() : exchangeOnce(undefined));
  }

  /** What is held then is not known while an exchange is under way, or was not answered. */
  const hasRoomFor = (amounts: Amounts): boolean =>
    !exchanging && !unansweredExchange && isValid() && hasRoom(most, settled, opened, amounts);

  /** Whether all that is held is needed by steps under way, and nothing is untold. */
  const isBare = (): boolean =>
    id !== undefined && !unansweredExchange && clock() < validUntil && dimensions.every((d) => held[d] === opened[d] && settled[d] === 0);

  /** Looks for the next threshold of each dimension, from what is settled as far as this process knows. */
  function lookAhead(): void {
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

  function mayCross(): boolean {
    if (!reachesAny(settled, watched)) return false;
    lookAhead();
    return true;
  }

  return {
    ref,
    hasRoomFor,
    async renew(step) {
      renewing += 1;
      try {
        await certain();
        if (hasRoomFor(step) || clock() < nearLimitUntil) return;
        await exchangeOnce(step);
        if (!hasRoomFor(step)) nearLimitUntil = clock() + NEAR_LIMIT_MS;
      } finally {
        renewing -= 1;
      }
    },
    shrink,
    open(amounts) {
      underWay += 1;
      addTo(opened, amounts, 1);
    },
    covers: (before, amounts) => limited.every((dimension) => amounts[dimension] <= before[dimension]),
    resize(before, amounts) {
      addTo(opened, before, -1);
      addTo(opened, amounts, 1);
    },
    end(amounts, actual) {
      underWay -= 1;
      addTo(opened, amounts, -1);
      if (!actual) return false;
      addTo(settled, actual, 1);
      return mayCross();
    },
    // Written out, for it is done for every account of every step.
    snapshot: () =>
      seen && {
        tenant: seen.tenant,
        scope: seen.scope,
        id: seen.id,
        window: seen.window,
        limits: seen.limits,
        settled: sum(seen.settled, settled),
        held: sum(seen.held, opened),
        unconfirmed: seen.unconfirmed,
        overage: seen.overage,
        resetsAt: seen.resetsAt,
      },
    get isOver() {
      return isOver();
    },
    get isIdle() {
      return (
        id === undefined &&
        underWay === 0 &&
        renewing === 0 &&
        dimensions.every((dimension) => settled[dimension] === 0) &&
        !unansweredExchange &&
        !exchanging
      );
    },
  };
}

/** How a step ends here. */
export function endOf(amounts: Amounts, actual: Amounts | undefined, isLate: boolean): Pick<SettleReply, 'status' | 'overage'> {
  if (!actual) return { status: 'released', overage: nothing };
  const isAbove = dimensions.some((dimension) => actual[dimension] > amounts[dimension]);
  const status = isLate ? 'late' : 'settled';
  if (!isAbove) return { status, overage: nothing };
  const overage: Record<Dimension, number> = { ...nothing };
  for (const dimension of dimensions) overage[dimension] = Math.max(0, actual[dimension] - amounts[dimension]);
  return { status, overage };
}
