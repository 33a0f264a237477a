import { zero, type AmountLimits, type Amounts } from '../../core/amounts.ts';
import type { Ask } from '../../core/reservation.ts';
import { resolveWindow, type BudgetWindow } from '../../core/window.ts';
import type { AccountRef, ReserveReply, SettleReply, Store } from '../../stores/store.ts';
import type { FakeClock } from '../fake-clock.ts';

/** The part of a test runner's `expect` that the contract uses; vitest's, jest's and `expect`'s own fit. */
export type Expect = (
  actual: unknown,
  message?: string,
) => {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
};

/**
 * How a store tells accounts what was used. `together`: that of several steps at once, as a store does that keeps parts of
 * accounts at hand. Then the overage of an account is what was used above all of them, and alerts come when it is told, with
 * the step that ends then or next, with the figures of all. Nothing else may differ.
 */
export type Telling = 'step by step' | 'together';

/** One case's surroundings: an empty store, the clock that it tells time by, and shorthands. */
export interface StoreWorld {
  readonly tells: Telling;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly expect: Expect;
  /** Reserves one or more asks under an id. */
  reserve(id: string, accounts: readonly AccountRef[], asks: Ask | readonly Ask[], ttlMs?: number): Promise<ReserveReply>;
  /** Reserves and insists on a grant. */
  hold(id: string, accounts: readonly AccountRef[], asks: Ask | readonly Ask[], ttlMs?: number): Promise<ReserveReply & { granted: true }>;
  /** Settles with these amounts, or releases. */
  settle(id: string, accounts: readonly AccountRef[], actual?: Partial<Amounts>): Promise<SettleReply>;
  /** Reserves and settles the same amounts: so much was used. */
  use(id: string, accounts: readonly AccountRef[], used: Partial<Amounts>): Promise<SettleReply>;
  /** Settled, held, unconfirmed and overage of one dimension, as a reader sees them. */
  sums(
    account: AccountRef,
    dimension?: keyof Amounts,
  ): Promise<readonly [settled: number, held: number, unconfirmed: number, overage: number]>;
}

export interface StoreCase {
  readonly name: string;
  readonly run: (world: StoreWorld) => Promise<void>;
}

export const TTL_MS = 60_000;

export const amounts = (some: Partial<Amounts>): Amounts => ({ ...zero, ...some });
export const askFor = (base: Partial<Amounts>, more: Omit<Ask, 'base'> = {}): Ask => ({ base: amounts(base), ...more });

interface AccountOptions {
  readonly id?: string;
  readonly tenant?: string;
  readonly window?: BudgetWindow;
  readonly tighter?: AmountLimits;
  readonly kept?: AmountLimits;
  readonly alertAt?: readonly number[];
  readonly onExpire?: 'release' | 'charge';
}

/** An account of tenant `acme`, by default for ever and without alerts. */
export function accountOf(scope: string, limits: AmountLimits, options: AccountOptions = {}): AccountRef {
  const { id = 'one', tenant = 'acme', window = 'lifetime', tighter, kept, alertAt = [], onExpire = 'release' } = options;
  return { tenant, scope, id, window: resolveWindow(window), limits, tighter, kept, alertAt, onExpire };
}

export function worldOf(store: Store, clock: FakeClock, expect: Expect, tells: Telling): StoreWorld {
  const world: StoreWorld = {
    tells,
    store,
    clock,
    expect,
    async reserve(id, accounts, asks, ttlMs = TTL_MS) {
      return store.reserve({ id, accounts, asks: 'base' in asks ? [asks] : asks, ttlMs });
    },
    async hold(id, accounts, asks, ttlMs) {
      const reply = await world.reserve(id, accounts, asks, ttlMs);
      if (!reply.granted) throw new Error(`${id} should have been granted, and was denied: ${JSON.stringify(reply.denial)}`);
      return reply;
    },
    async settle(id, accounts, actual) {
      return store.settle({ id, accounts, actual: actual && amounts(actual) });
    },
    async use(id, accounts, used) {
      await world.hold(id, accounts, askFor(used));
      return world.settle(id, accounts, used);
    },
    async sums(account, dimension = 'usd') {
      const { settled, held, unconfirmed, overage } = await store.read(account);
      return [settled[dimension], held[dimension], unconfirmed[dimension], overage[dimension]];
    },
  };
  return world;
}
