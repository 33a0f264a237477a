import type { AccountId } from 'holdfast';
import type { SlotSteps } from './across-slots.ts';
import { leaseBook } from './lease-book.ts';
import { leaseTerms, type LeaseOptions } from './lease-terms.ts';
import { leaseOf, type Lease } from './lease.ts';
import { leasedExpiry } from './leased-expiry.ts';
import { leasedReserve } from './leased-reserve.ts';
import { leasedSettle } from './leased-settle.ts';
import type { LeasedState } from './leased-state.ts';
import type { LiveReservation } from './live-reservations.ts';
import { recentEntries } from './recent-entries.ts';
import type { StepQueue } from './step-queue.ts';
import { turnsById } from './turns.ts';

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

/** So many steps that are over, or that the server knows of, are remembered, so that a repeated message is known as one. */
const REMEMBERED = 20_000;

/** A timer for longer fires at once, and again and again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function leasedSteps(
  steps: SlotSteps,
  queue: StepQueue,
  options: LeaseOptions,
  { isCluster, clock, serverNow }: { readonly isCluster: boolean; readonly clock: () => number; readonly serverNow: () => number },
): LeasedSteps {
  const terms = leaseTerms(options);
  const book = leaseBook(
    (ref, onAlerts) => leaseOf(ref, { queue, slot: isCluster ? ref.tenant : '', terms, clock, serverNow, onAlerts }),
    terms.scopes,
  );
  const state: LeasedState = { steps, book, live: new Map(), past: recentEntries(REMEMBERED), turns: turnsById(), clock };
  const { live } = state;
  const expire = leasedExpiry(state);
  const timer = setInterval(() => void giveBack().catch(() => {}), Math.min(terms.forMs, LONGEST_TIMER_MS));
  timer.unref();

  async function giveBack(): Promise<void> {
    try {
      await expire();
    } finally {
      // One server that does not answer keeps nothing from the others.
      await book.shrinkAll();
    }
  }

  return {
    reserve: leasedReserve(state),
    settle: leasedSettle(state),
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
