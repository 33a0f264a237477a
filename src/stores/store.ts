import type { AmountLimits, Amounts, Dimension } from '../core/amounts.ts';
import type { Ask, Shortfall, Sums } from '../core/reservation.ts';
import type { ResolvedWindow } from '../core/window.ts';

/** Whose account: only the scope `global` crosses tenants. */
export interface AccountId {
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
}

/** An account as one admission sees it: who, over which window, under which ceilings. */
export interface AccountRef extends AccountId {
  readonly window: ResolvedWindow;
  /** The guard's limits for this account, headroom already taken off. */
  readonly limits: AmountLimits;
  /** The run's own limits on this account; they only ever tighten, and only this admission. */
  readonly tighter?: AmountLimits | undefined;
  /** What is kept back for closing steps. */
  readonly kept?: AmountLimits | undefined;
  /** Shares of a limit (0..1, ascending) at which an alert fires, once per window. */
  readonly alertAt: readonly number[];
  /** What the hold of a dead worker does when it expires: it frees its amount, or goes on counting until it is settled. */
  readonly onExpire: 'release' | 'charge';
}

/** The state of one account in the window that is current. */
export interface AccountSnapshot extends AccountId, Sums {
  readonly window: ResolvedWindow;
  /** What was used above the holds, over the window. */
  readonly overage: Amounts;
  /** The limits in force, adjustments included. */
  readonly limits: AmountLimits;
  /** When the window ends, in milliseconds since the epoch; null where it never does. */
  readonly resetsAt: number | null;
}

export interface ReserveRequest {
  /** The reservation's id: granted at most once, ended at most once. */
  readonly id: string;
  readonly accounts: readonly AccountRef[];
  /** Ways of doing the step, dearest first; the first that fits is granted. */
  readonly asks: readonly Ask[];
  /** How long the hold lives unless it is extended. */
  readonly ttlMs: number;
}

export type ReserveReply =
  | {
      readonly granted: true;
      /** Which of the asks was granted, and with how many units. */
      readonly ask: number;
      readonly units: number;
      readonly amounts: Amounts;
      readonly accounts: readonly AccountSnapshot[];
      /** True when this id had been granted before; the answer is the first one. */
      readonly isReplay: boolean;
    }
  | { readonly granted: false; readonly denial: Denial };

/** Why a reservation was refused: the last ask's first shortfall, with names. Amounts as integers, `usd` in nano-dollars. */
export interface Denial extends Shortfall, AccountId {
  /** When the account's window ends, in milliseconds since the epoch; null where waiting does not help. */
  readonly resetsAt: number | null;
}

export interface SettleRequest {
  readonly id: string;
  /** What was really used; undefined gives the whole hold back. */
  readonly actual: Amounts | undefined;
  /** The reservation's accounts, so that a store that has lost the hold still books what was used. */
  readonly accounts: readonly AccountRef[];
}

export interface SettleReply {
  /** `late`: the hold had expired (or the store had lost it) and the usage was booked all the same. */
  readonly status: 'settled' | 'released' | 'duplicate' | 'late';
  readonly overage: Amounts;
  readonly alerts: readonly ThresholdCrossing[];
}

/** One alert threshold of one account, crossed for the first time in its window. Amounts as integers, `usd` in nano-dollars. */
export interface ThresholdCrossing extends AccountId {
  readonly dimension: Dimension;
  readonly threshold: number;
  readonly settled: number;
  readonly limit: number;
  readonly resetsAt: number | null;
}

/** A change to the limits of one account. */
export interface Adjustment {
  /** New ceilings; null takes an earlier adjustment back. */
  readonly limits: AmountLimits | null;
  /** Until when, in milliseconds since the epoch; undefined is for good. */
  readonly until?: number | undefined;
}

export interface ListQuery {
  readonly tenant?: string;
  readonly scope?: string;
  /** At most this many, the largest spend first. */
  readonly most: number;
}

type MaybePromise<T> = T | Promise<T>;

/**
 * Where budgets are kept. The promises, whatever the order, the concurrency or the crash:
 * 1. `reserve` grants only if settled + held + asked fits every account and dimension; else nothing is held anywhere.
 * 2. An id is granted at most once and ends at most once; a replay returns the first answer.
 * 3. `settle` books what was really used, even above the hold or the limit.
 * 4. A hold that is not extended expires by itself; a later settle is still booked.
 * 5. A hold settles in the window in which it was made.
 * 6. Each threshold of each account and window is reported exactly once.
 *
 * A store that cannot be asked rejects. Where it knows that nothing was sent, its error says `wasSent: false`.
 *
 * `memoryStore` is the specification; one contract suite runs over every store.
 */
export interface Store {
  readonly name: string;
  /** True when the store lives in this process and answers at once: it cannot fail on its own, and no second ledger stands beside it. */
  readonly inProcess?: boolean;
  /** True when it is meant that each process has budgets of its own: then nobody is warned of it. */
  readonly perProcess?: boolean;
  reserve(request: ReserveRequest): MaybePromise<ReserveReply>;
  settle(request: SettleRequest): MaybePromise<SettleReply>;
  /** Lets a live hold live `ttlMs` from now. False when there is no such live hold. */
  extend(id: string, ttlMs: number): MaybePromise<boolean>;
  read(account: AccountRef): MaybePromise<AccountSnapshot>;
  adjust(account: AccountRef, adjustment: Adjustment): MaybePromise<AccountSnapshot>;
  /** The accounts with the largest spend. */
  list(query: ListQuery): MaybePromise<readonly AccountSnapshot[]>;
  /** Forgets an account and all its windows. Live holds of it are still settled into the other accounts. */
  erase(account: AccountId): MaybePromise<void>;
  /** Resolves when everything that was handed over is written. Stores that write at once need none. */
  flush?(): Promise<void>;
  /** Frees what the store itself opened. */
  close?(): Promise<void>;
}
