import { randomUUID } from 'node:crypto';
import { dimensions, stretchAt, type AccountRef, type AccountSnapshot, type Amounts, type ThresholdCrossing } from 'holdfast';
import { StoreDataLostError } from './data-loss.ts';
import { exchangesBy } from './lease-exchanges.ts';
import { leaseSizes, limitedIn } from './lease-size.ts';
import { addTo, endless, hasRoom, sum, type Sums } from './lease-sums.ts';
import type { LeaseTerms } from './lease-terms.ts';
import { thresholdWatch } from './lease-thresholds.ts';
import { nothing } from './reply.ts';
import type { StepQueue } from './step-queue.ts';

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
/** How long each step asks the server when there was not enough left for a lease. */
const NEAR_LIMIT_MS = 250;

/** What was used is told, and a further hold takes the place of the last one. */
interface Exchange {
  readonly told: { readonly id: string; readonly actual: Amounts } | undefined;
  readonly next: { readonly id: string; readonly asks: readonly Amounts[] } | undefined;
  readonly sentAt: number;
}

export function leaseOf(ref: AccountRef, { queue, slot, terms, clock, serverNow, onAlerts }: LeaseParts): Lease {
  const limited = limitedIn(ref);
  const sizesFor = leaseSizes(ref, terms);
  const thresholds = thresholdWatch(ref);
  const exchanges = exchangesBy(plan, carryOut);
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
  let nearLimitUntil = 0;

  const isPast = (): boolean => endsAt !== Infinity && serverNow() >= endsAt;
  const isValid = (): boolean => id !== undefined && clock() < validUntil && !isPast();
  /** In a rolling window what is under way goes along into the next slot, and counts the longer. */
  const isOver = (): boolean => ref.window.kind === 'calendar' && isPast();

  function plan(step: Amounts | undefined): Exchange | undefined {
    // What was used and has no hold any more (it was refused, or its server lost its data) is booked by itself.
    const isUntold = dimensions.some((dimension) => settled[dimension] > 0);
    const told = id !== undefined || isUntold ? { id: id ?? randomUUID(), actual: { ...settled } } : undefined;
    const asks = step ? sizesFor(step, { seen, opened }) : [];
    if (underWay > 0) asks.push({ ...opened });
    const next = asks.length > 0 ? { id: randomUUID(), asks } : undefined;
    return told || next ? { told, next, sentAt: clock() } : undefined;
  }

  async function carryOut({ told, next, sentAt }: Exchange): Promise<void> {
    const accounts = [ref];
    const [ended, reply] = await queue
      .exchange(
        slot,
        told && { ...told, accounts },
        next && { id: next.id, accounts, asks: next.asks.map((base) => ({ base })), ttlMs: terms.forMs + GRACE_MS },
      )
      .catch((error: unknown) => {
        if (!(error instanceof StoreDataLostError)) throw error;
        return [undefined, undefined] as const;
      });
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
    thresholds.lookAhead(seen, settled);
    if (ended) onAlerts(ended.alerts);
  }

  /** Whether all that is held is needed by steps under way, and nothing is untold. */
  const isBare = (): boolean =>
    id !== undefined &&
    !exchanges.isUnanswered &&
    clock() < validUntil &&
    dimensions.every((d) => held[d] === opened[d] && settled[d] === 0);

  async function shrink(): Promise<void> {
    await exchanges.certain();
    if ((isOver() && underWay > 0) || isBare()) return;
    // Another one may have begun meanwhile.
    await (exchanges.isUnderWay ? shrink() : exchanges.once(undefined));
  }

  const hasRoomFor = (amounts: Amounts): boolean => !exchanges.isPending && isValid() && hasRoom(most, settled, opened, amounts);

  return {
    ref,
    hasRoomFor,
    async renew(step) {
      renewing += 1;
      try {
        await exchanges.certain();
        if (hasRoomFor(step) || clock() < nearLimitUntil) return;
        await exchanges.once(step);
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
      return thresholds.mayCross(seen, settled);
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
        !exchanges.isPending
      );
    },
  };
}
