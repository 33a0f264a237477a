import { tightest, type AmountLimits, type Dimension } from '../core/amounts.ts';
import { builtinScopes, type Limits, type RunBudget, type ScopeBudget, type StoreErrorPolicy, type WithoutStore } from '../core/budget.ts';
import { InvalidOptionError } from '../core/errors.ts';
import { resolveWindow, type ResolvedWindow } from '../core/window.ts';
import type { AccountRef } from '../stores/store.ts';
import { keptOf, keptShare } from './climb/kept.ts';
import type { Clock } from './clock.ts';
import type { Events } from './events.ts';
import { amountLimits } from './limits.ts';
import type { ResolvedGuardOptions } from './options.ts';
import { LOOKUP_FRESH_MS, perIdLimits, type PerIdLimits } from './per-id.ts';
import { isPromise } from './time-limit.ts';

/** A budgeted scope, ready for use. */
interface Scope {
  readonly name: string;
  readonly window: ResolvedWindow;
  readonly budget: Limits;
  /** Of the budget, for every id without limits of its own. */
  readonly limits: AmountLimits;
  readonly per: PerIdLimits | undefined;
  readonly headroom: number;
  readonly alertAt: readonly number[];
  readonly onExpire: 'release' | 'charge';
  /** As it was given; without, it follows from what is limited. */
  readonly onStoreError: StoreErrorPolicy | undefined;
}

/** The accounts that a run draws on. */
export interface AccountPlan {
  readonly refs: readonly AccountRef[];
  /** What each account does while the store does not answer, in the order of `refs`. */
  readonly policies: readonly WithoutStore[];
  /** The accounts that are held in this process alone while the store does not answer, under what they may use then. */
  readonly awayRefs: readonly AccountRef[];
  /** The accounts of this run and of the runs around it, first in `refs`; they are kept in this process, come what may. */
  readonly runRefs: readonly AccountRef[];
  /** Whether a limit on dollars, tokens or output is among them: then output is capped, and streams are cut. */
  readonly limitsOutput: boolean;
  /** Whether dollars are limited: then every model needs a price. */
  readonly limitsUsd: boolean;
  /** From when on a lookup is asked again; Infinity where none is. */
  readonly freshUntil: number;
}

/** For whom a run works and what it may spend: what its accounts are found by. */
export interface RunIdentity {
  readonly id: string;
  readonly ids: Readonly<Record<string, string>>;
  /** The run's own limits by scope, those of the runs around it included (but not on their `run` account). */
  readonly tighter: Readonly<Record<string, AmountLimits>>;
  /** The accounts of this run and of those around it, outermost first. */
  readonly runRefs: readonly AccountRef[];
}

export interface Accounts {
  /** All scope names that a run may give an id for. */
  readonly names: ReadonlySet<string>;
  /** A run's own account, or none: a run inside another draws on that one's and needs its own only for limits of its own. */
  runAccount(run: Omit<RunIdentity, 'runRefs'>, isInner: boolean, own: RunBudget | undefined): AccountRef | undefined;
  plan(run: RunIdentity): AccountPlan | Promise<AccountPlan>;
  /** A single account, for reading and adjusting. */
  find(scope: string, id: string, tenant: string): AccountRef | Promise<AccountRef>;
  tenantOf(ids: Readonly<Record<string, string>>): string;
  /** The headroom of a scope's limits, or what a budget of a run's own says of it. */
  headroomOf(scope: string, own?: RunBudget): number;
}

/** The scopes whose shared account is called `default`; in all others it is `anonymous`. */
const withDefaultId: ReadonlySet<string> = new Set(['tenant', 'feature']);

/** The account that is used where a scope comes without an id. */
export const sharedId = (scope: string): string => (scope === 'global' ? 'global' : withDefaultId.has(scope) ? 'default' : 'anonymous');

/** Without `budgets.run` a run may take this many steps: of 249 real successful runs the longest had 119. */
const DEFAULT_RUN: RunBudget = { steps: 250 };

export function createAccounts(options: ResolvedGuardOptions, clock: Clock, events: Events): Accounts {
  const scopes = new Map<string, Scope>();
  const configured = { ...options.budgets, run: options.budgets['run'] ?? DEFAULT_RUN } as Record<string, ScopeBudget | undefined>;
  for (const [name, budget] of Object.entries(configured)) if (budget) scopes.set(name, resolveScope(name, budget));
  const names = new Set<string>([...builtinScopes, ...scopes.keys(), ...options.requireScopes]);
  const missingReported = new Set<string>();
  const share = keptShare(options.ladder);

  function resolveScope(name: string, budget: ScopeBudget): Scope {
    const onError = (hook: string, error: unknown): void => events.emit('hook:error', { hook, error });
    const headroom = budget.headroom ?? options.headroom;
    return {
      name,
      window: resolveWindow(budget.window),
      budget,
      limits: amountLimits(budget, headroom),
      per: budget.per && perIdLimits(budget.per, clock, onError),
      headroom,
      alertAt: budget.alertAt ?? options.alertAt,
      onExpire: budget.onExpire ?? options.onExpire,
      onStoreError: budget.onStoreError ?? options.onStoreError,
    };
  }

  const unlimited = (name: string): Scope => resolveScope(name, {});

  function accountRef(scope: Scope, tenant: string, id: string, own: Limits | undefined, tighter: AmountLimits | undefined): AccountRef {
    return {
      tenant: scope.name === 'global' ? '' : tenant,
      scope: scope.name,
      id,
      window: scope.window,
      limits: own ? amountLimits({ ...scope.budget, ...own }, scope.headroom) : scope.limits,
      tighter,
      alertAt: scope.alertAt,
      onExpire: scope.onExpire,
    };
  }

  function refOf(scope: Scope, tenant: string, id: string, tighter?: AmountLimits): AccountRef | Promise<AccountRef> {
    const own = scope.per?.(id, { scope: scope.name, tenant });
    return isPromise(own)
      ? own.then((limits) => accountRef(scope, tenant, id, limits, tighter))
      : accountRef(scope, tenant, id, own, tighter);
  }

  const tenantOf = (ids: Readonly<Record<string, string>>): string => ids['tenant'] ?? 'default';

  function idOf(scope: string, ids: Readonly<Record<string, string>>): string {
    const given = ids[scope];
    if (given !== undefined) return given;
    const account = sharedId(scope);
    if (!missingReported.has(scope)) {
      missingReported.add(scope);
      events.emit('scope:missing', { scope, account });
    }
    return account;
  }

  return {
    names,
    tenantOf,

    runAccount({ id, ids, tighter }, isInner, own) {
      if (isInner && !tighter['run']) return undefined;
      const scope = (!isInner && scopes.get('run')) || unlimited('run');
      const { alertAt = scope.alertAt, onExpire = scope.onExpire } = own ?? {};
      // A run's limits are never looked up by id, so its account is known at once.
      const account = accountRef({ ...scope, alertAt, onExpire }, tenantOf(ids), id, undefined, tighter['run']);
      return share === undefined ? account : { ...account, kept: keptOf(account, share) };
    },

    headroomOf: (scope, own) => own?.headroom ?? scopes.get(scope)?.headroom ?? options.headroom,

    plan({ ids, tighter, runRefs }) {
      for (const scope of options.requireScopes) {
        if (ids[scope] !== undefined) continue;
        const message = `this guard requires it; give the run an id, such as scopes: { ${scope}: '…' }`;
        throw new InvalidOptionError('scopes', [{ path: `scopes.${scope}`, message, value: undefined }]);
      }
      const shared = [...new Set([...scopes.keys(), ...Object.keys(tighter)])]
        .filter((name) => name !== 'run')
        .map((name) => scopes.get(name) ?? unlimited(name));
      const asked = shared.map((scope) =>
        refOf(scope, tenantOf(ids), scope.name === 'global' ? sharedId('global') : idOf(scope.name, ids), tighter[scope.name]),
      );
      const isLookedUp = shared.some(({ name }) => typeof configured[name]?.per === 'function');
      const planOf = (sharedRefs: readonly AccountRef[]): AccountPlan => {
        // Lists that live as long as the run: spreading would leave them with room for a dozen more.
        const refs = runRefs.concat(sharedRefs);
        const policyOf = (ref: AccountRef, index: number): StoreErrorPolicy =>
          shared[index]?.onStoreError ?? (limitsAny(ref, ['usd']) ? 'closed' : 'open');
        const policies = sharedRefs.map(policyOf);
        return {
          refs,
          policies: runRefs
            .map((): WithoutStore => 'open')
            .concat(policies.map((policy) => (typeof policy === 'string' ? policy : 'local'))),
          awayRefs: sharedRefs.flatMap((ref, index) => awayRef(ref, policies[index]) ?? []),
          runRefs,
          limitsOutput: refs.some((ref) => limitsAny(ref, ['usd', 'tokens', 'outputTokens'])),
          limitsUsd: refs.some((ref) => limitsAny(ref, ['usd'])),
          freshUntil: isLookedUp ? clock.now() + LOOKUP_FRESH_MS : Infinity,
        };
      };
      return asked.some((ref) => isPromise(ref)) ? Promise.all(asked.map(async (ref) => ref)).then(planOf) : planOf(asked as AccountRef[]);
    },

    find: (scope, id, tenant) => refOf(scopes.get(scope) ?? unlimited(scope), tenant, id),
  };
}

/** An account as it is held while the store is away, or undefined where it is not held. */
function awayRef(ref: AccountRef, policy: StoreErrorPolicy | undefined): AccountRef | undefined {
  if (policy === 'local') return { ...ref, alertAt: [] };
  if (typeof policy !== 'object') return undefined;
  const { window, ...allowance } = policy.local;
  return { ...ref, alertAt: [], limits: amountLimits(allowance, 0), window: window ? resolveWindow(window) : ref.window };
}

const limitsAny = ({ limits, tighter }: AccountRef, among: readonly Dimension[]): boolean =>
  among.some((dimension) => limits[dimension] !== undefined || tighter?.[dimension] !== undefined);

/** Both ceilings at once, scope by scope: a run inside another is bound by what that one set for itself, its `run` limit excepted. */
export function inheritTighter(
  outer: Readonly<Record<string, AmountLimits>>,
  own: Readonly<Record<string, AmountLimits>>,
): Record<string, AmountLimits> {
  const result: Record<string, AmountLimits> = { ...own };
  for (const [scope, limits] of Object.entries(outer)) if (scope !== 'run') result[scope] = tightest(limits, own[scope] ?? {});
  return result;
}
