import { dimensions, type AmountLimits, type Dimension } from '../core/amounts.ts';
import { publicAmount, publicAmounts, type Limits, type PublicAmounts } from '../core/budget.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { InvalidOptionError } from '../core/errors.ts';
import { windowName } from '../core/window.ts';
import type { AccountSnapshot, Store } from '../stores/store.ts';
import type { Accounts } from './accounts.ts';
import type { Clock } from './clock.ts';
import { amountLimits } from './limits.ts';
import { limits as limitsSchema, parseOptions } from './validation.ts';

/** The state of one account, in public units: `usd` in dollars, everything else as counts. */
export interface AccountReading {
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
  /** The window's name, such as `day` or `rolling-86400000ms`. */
  readonly window: string;
  /** The limits in force, adjustments included; headroom is taken off. */
  readonly limits: Limits;
  readonly used: PublicAmounts;
  /** Held by steps in flight. */
  readonly held: PublicAmounts;
  /** Expired holds that still count, under the policy `charge`. */
  readonly unconfirmed: PublicAmounts;
  /** Used above the holds. */
  readonly overage: PublicAmounts;
  /** What is left of each limit; below 0 where more was used. */
  readonly remaining: Limits;
  /** When the window ends, in milliseconds since the epoch; null where it never does. */
  readonly resetsAt: number | null;
}

/** How long new limits are in force: `for` a time, `until` a moment, or for good. */
export interface AdjustOptions {
  readonly for?: Duration;
  /** Milliseconds since the epoch, or a date. */
  readonly until?: number | Date;
  /** Default: the tenant `default`. */
  readonly tenant?: string;
}

/** Which accounts to list. */
export interface ListOptions {
  readonly scope?: string;
  readonly tenant?: string;
  /** At most this many, the largest spend first. Default 100. */
  readonly most?: number;
}

/** Reads and changes single accounts. */
export interface AccountsView {
  read(scope: string, id?: string, options?: { tenant?: string }): Promise<AccountReading>;
  adjust(scope: string, id: string, limits: Limits | null, options?: AdjustOptions): Promise<AccountReading>;
  list(options?: ListOptions): Promise<AccountReading[]>;
  erase(scope: string, id: string, options?: { tenant?: string }): Promise<void>;
}

export function accountsView(store: Store, accounts: Accounts, headroom: number, clock: Clock): AccountsView {
  const known = (scope: string): void => {
    if (accounts.names.has(scope)) return;
    throw new InvalidOptionError('scope', [
      { path: 'scope', message: `this guard has no scope of this name; it has ${[...accounts.names].join(', ')}`, value: scope },
    ]);
  };
  const until = ({ for: length, until: moment }: AdjustOptions): number | undefined => {
    if (length !== undefined) {
      const ms = durationMs(length);
      if (!(ms > 0))
        throw new InvalidOptionError('adjustment', [{ path: 'for', message: 'expected a length of time such as "1h"', value: length }]);
      return clock.now() + ms;
    }
    return moment instanceof Date ? moment.getTime() : moment;
  };
  return {
    async read(scope, id = scope, { tenant = 'default' } = {}) {
      known(scope);
      return readingOf(await store.read(await accounts.find(scope, id, tenant)));
    },
    async adjust(scope, id, limits, options = {}) {
      known(scope);
      const checked = limits === null ? null : amountLimits(parseOptions('limits', limitsSchema, limits), headroom);
      const account = await accounts.find(scope, id, options.tenant ?? 'default');
      return readingOf(await store.adjust(account, { limits: checked, until: until(options) }));
    },
    async list({ most = 100, ...query } = {}) {
      return [...(await store.list({ ...query, most }))].map(readingOf);
    },
    async erase(scope, id, { tenant = 'default' } = {}) {
      known(scope);
      await store.erase({ tenant: scope === 'global' ? '' : tenant, scope, id });
    },
  };
}

function readingOf(account: AccountSnapshot): AccountReading {
  const { tenant, scope, id, limits, settled, held, unconfirmed, overage, resetsAt } = account;
  const left = (dimension: Dimension, limit: number): number => limit - settled[dimension] - held[dimension] - unconfirmed[dimension];
  return {
    tenant,
    scope,
    id,
    window: windowName(account.window),
    limits: publicLimits(limits),
    used: publicAmounts(settled),
    held: publicAmounts(held),
    unconfirmed: publicAmounts(unconfirmed),
    overage: publicAmounts(overage),
    remaining: publicLimits(limits, left),
    resetsAt,
  };
}

function publicLimits(limits: AmountLimits, amountOf = (_: Dimension, limit: number): number => limit): Limits {
  const result: { [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (limit !== undefined) result[dimension] = publicAmount(dimension, amountOf(dimension, limit));
  }
  return result;
}
