import type { Duration } from './duration.ts';
import type { Amounts, Dimension } from './amounts.ts';
import { NANO_PER_USD, toUsd } from './money.ts';
import type { BudgetWindow } from './window.ts';

/** The scopes that every guard knows. Further names are the user's own. */
export const builtinScopes = ['global', 'tenant', 'user', 'feature', 'session', 'run'] as const;
export type BuiltinScope = (typeof builtinScopes)[number];

/**
 * Ceilings. `usd` in dollars, everything else as whole counts; a dimension that is left out has no ceiling, 0 forbids.
 * `tokens` counts input and output together; a step is one model call or one tool call.
 */
export type Limits = { readonly [D in Dimension]?: number | undefined };

/** What a per-id lookup is told. */
export interface LookupContext {
  readonly scope: string;
  readonly tenant: string;
}

/**
 * Limits of single ids that differ from the scope's: a record, or a function (it may be asynchronous; its answers are
 * kept for a minute). Dimensions that it names replace the scope's, the others stay.
 */
export type PerId =
  | { readonly [id: string]: Limits }
  | ((id: string, context: LookupContext) => Limits | undefined | Promise<Limits | undefined>);

/** What is done with an account's admissions while the store does not answer. */
export type WithoutStore = 'closed' | 'open' | 'local';

/**
 * What happens to an account's admissions while the store does not answer: `'closed'` refuses them, `'open'` lets them
 * through, `'local'` enforces the account's limits in this process alone, `{ local: limits }` other limits: what each process
 * may use of the account without the store, over the account's window or one of its own. What was used is booked when the
 * store is back.
 *
 * @example { usd: 200, window: 'day', onStoreError: { local: { usd: 0.1, window: 'minute' } } }
 */
export type StoreErrorPolicy = WithoutStore | { readonly local: Limits & { readonly window?: BudgetWindow | undefined } };

interface AccountPolicy {
  /** Shares of a limit, 0 to 1, at which `budget:alert` fires, once each per window. Default: the guard's. */
  readonly alertAt?: readonly number[] | undefined;
  /** The share of usd and token limits that is never used, 0 to 0.9. Default: the guard's. */
  readonly headroom?: number | undefined;
  /** What a dead worker's hold does when it expires. Default `'release'`. */
  readonly onExpire?: 'release' | 'charge' | undefined;
  /** Default `'closed'` where `usd` is limited, else `'open'`. The limits of a run hold in either case. */
  readonly onStoreError?: StoreErrorPolicy | undefined;
}

/**
 * The budget of one scope: limits over a window (default: for ever).
 *
 * @example { usd: 0.5, window: 'day', per: { alice: { usd: 2 } } }
 */
export interface ScopeBudget extends Limits, AccountPolicy {
  readonly window?: BudgetWindow | undefined;
  readonly per?: PerId | undefined;
}

/** The budget of a run. It has no window; `duration` is how long a run may take, pauses not counted. */
export interface RunBudget extends Limits, AccountPolicy {
  readonly duration?: Duration | undefined;
}

/** Amounts for people: `usd` in dollars, everything else as counts. */
export type PublicAmounts = { readonly [D in Dimension]: number };

/** Integer amounts as people read them. */
export const publicAmounts = (amounts: Amounts): PublicAmounts => ({ ...amounts, usd: toUsd(amounts.usd) });

/** One integer amount as people read it. */
export const publicAmount = (dimension: Dimension, amount: number): number => (dimension === 'usd' ? amount / NANO_PER_USD : amount);
