import { dimensions, type AmountLimits, type Dimension } from '../core/amounts.ts';
import { publicAmount, publicAmounts, type Limits, type PublicAmounts } from '../core/budget.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { InvalidOptionError } from '../core/errors.ts';
import { windowName } from '../core/window.ts';
import type { AccountId, AccountRef, AccountSnapshot, Store } from '../stores/store.ts';
import { sharedId, type Accounts } from './accounts.ts';
import type { Clock } from './clock.ts';
import { amountLimits } from './limits.ts';
import { checkIds, checkScopes } from './scope-ids.ts';
import { withinTime } from './time-limit.ts';
import { adjustedFor, limits as limitsSchema, parseOptions } from './validation.ts';

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

export interface AccountsViewParts {
  readonly store: Store;
  /** Where the accounts of runs are kept as well, so that their limits hold come what may. */
  readonly local: Store;
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly storeTimeoutMs: number;
}

export function accountsView({ store, local, accounts, clock, storeTimeoutMs }: AccountsViewParts): AccountsView {
  const ask = <T>(what: string, answer: () => T | PromiseLike<T>): Promise<T> =>
    withinTime(`store.${what}`, Promise.resolve().then(answer), storeTimeoutMs, clock);
  const idsOf = (scope: string, given: string | undefined, tenant: string | undefined): AccountId => {
    checkScopes({ [scope]: true }, accounts.names);
    if (scope === 'run' && given === undefined) throw problem('account', 'id', "expected the run's id", given);
    const id = given ?? sharedId(scope);
    if (scope !== 'global' && scope !== 'run') checkIds({ [scope]: id }, accounts.names);
    // A tenant's own account is kept under the tenant.
    const owner = tenant ?? (scope === 'tenant' ? id : sharedId('tenant'));
    return { tenant: scope === 'global' ? '' : owner, scope, id };
  };
  const find = async (scope: string, given: string | undefined, owner: string | undefined): Promise<AccountRef> => {
    const { tenant, id } = idsOf(scope, given, owner);
    return accounts.find(scope, id, tenant);
  };
  return {
    async read(scope, id, { tenant } = {}) {
      const account = await find(scope, id, tenant);
      return readingOf(await ask('read', () => store.read(account)));
    },
    async adjust(scope, id, limits, options = {}) {
      const account = await find(scope, id, options.tenant);
      const checked = limits === null ? null : amountLimits(parseOptions('limits', limitsSchema, limits), accounts.headroomOf(scope));
      const adjustment = { limits: checked, until: untilOf(options, clock.now()) };
      if (scope === 'run' && local !== store) await local.adjust(account, adjustment);
      return readingOf(await ask('adjust', () => store.adjust(account, adjustment)));
    },
    async list({ most = 100, ...query } = {}) {
      return [...(await ask('list', () => store.list({ ...query, most })))].map(readingOf);
    },
    async erase(scope, id, { tenant } = {}) {
      const account = idsOf(scope, id, tenant);
      await ask('erase', () => store.erase(account));
    },
  };
}

const problem = (what: string, path: string, message: string, value: unknown): InvalidOptionError =>
  new InvalidOptionError(what, [{ path, message, value }]);

/** Until when an adjustment is in force; undefined is for good. */
function untilOf({ for: length, until }: AdjustOptions, now: number): number | undefined {
  if (length !== undefined && until !== undefined) throw problem('adjustment', 'until', 'give `for` or `until`, not both', until);
  if (length !== undefined) return now + durationMs(parseOptions('adjustment', adjustedFor, { for: length }).for);
  const moment = until instanceof Date ? until.getTime() : until;
  if (moment !== undefined && !Number.isFinite(moment))
    throw problem('adjustment', 'until', 'expected milliseconds since the epoch, or a valid date', until);
  return moment;
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
