import type { ResolvedWindow } from '../core/window.ts';
import { isDead, newAccount, type Account } from './account.ts';
import type { AccountId, AccountRef } from './store.ts';

/** All accounts of a memory store, found by tenant, scope, id and window. Ids are keys as they are: no text is built of them. */
export interface AccountBook {
  find(id: AccountId, window: ResolvedWindow): Account | undefined;
  /** The account, made if there is none. */
  open(ref: AccountRef, moment: number): Account;
  /** Forgets an account, whatever its windows. */
  erase(id: AccountId): void;
  /** Looks at a few accounts, further on with every call, and removes the dead. */
  sweep(moment: number): void;
  /** All accounts in which something still matters. */
  living(moment: number): Iterable<Account>;
}

/** How many accounts a sweep looks at, and how many more for each that was opened since the last: so the dead never pile up. */
const SWEPT_AT_ONCE = 2;
const SWEPT_FOR_OPENED = 2;

export function accountBook(retentionMs: number): AccountBook {
  const tenants = new Map<string, Map<string, Map<string, Account[]>>>();
  const everyone = new Set<Account>();
  let sweeping = everyone.values();
  let opened = 0;

  /** The accounts of one id: one for each window over which it has a budget. */
  const familyOf = ({ tenant, scope, id }: AccountId): Account[] | undefined => tenants.get(tenant)?.get(scope)?.get(id);

  function enter(account: Account): void {
    const scopes = entry(tenants, account.tenant, () => new Map<string, Map<string, Account[]>>());
    const ids = entry(scopes, account.scope, () => new Map<string, Account[]>());
    ids.set(account.id, [...(ids.get(account.id) ?? []), account]);
    everyone.add(account);
  }

  function forget(account: Account, state: 'removed' | 'erased'): void {
    account.state = state;
    everyone.delete(account);
    const { tenant, scope, id } = account;
    const family = familyOf(account);
    family?.splice(family.indexOf(account), 1);
    if (family && family.length > 0) return;
    const scopes = tenants.get(tenant);
    const ids = scopes?.get(scope);
    ids?.delete(id);
    if (ids?.size === 0) scopes?.delete(scope);
    if (scopes?.size === 0) tenants.delete(tenant);
  }

  const find = (id: AccountId, window: ResolvedWindow): Account | undefined => {
    const family = familyOf(id);
    if (!family) return undefined;
    for (const account of family) if (isSameWindow(account.window, window)) return account;
    return undefined;
  };

  return {
    find,
    open(ref, moment) {
      const known = find(ref, ref.window);
      if (known) return known;
      const account = newAccount(ref, moment);
      enter(account);
      opened += 1;
      return account;
    },
    erase(id) {
      for (const account of familyOf(id)?.slice() ?? []) forget(account, 'erased');
    },
    sweep(moment) {
      const most = SWEPT_AT_ONCE + SWEPT_FOR_OPENED * opened;
      opened = 0;
      for (let looked = 0; looked < most; looked += 1) {
        const next = sweeping.next();
        if (next.done) {
          sweeping = everyone.values();
          return;
        }
        if (isDead(next.value, moment, retentionMs)) forget(next.value, 'removed');
      }
    },
    living: (moment) => [...everyone].filter((account) => !isDead(account, moment, retentionMs)),
  };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Whether two windows count over the same stretches. */
function isSameWindow(a: ResolvedWindow, b: ResolvedWindow): boolean {
  if (a === b || a.kind === 'lifetime') return a.kind === b.kind;
  if (a.kind === 'rolling') return b.kind === 'rolling' && a.lengthMs === b.lengthMs;
  return b.kind === 'calendar' && a.unit === b.unit && a.timeZone === b.timeZone && (a.unit !== 'week' || a.weekStart === b.weekStart);
}
