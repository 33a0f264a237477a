import { amountsOf, dimensions, minus, type Amounts, type Dimension } from '../../core/amounts.ts';
import { publicAmount } from '../../core/budget.ts';
import { fit, type Ask, type Standing as AccountStanding } from '../../core/reservation.ts';
import type { Rung, RungStanding } from '../../ladder/rung.ts';
import { recentMap } from '../../stores/recent-map.ts';
import type { AccountRef, AccountSnapshot, ReserveReply, Store } from '../../stores/store.ts';
import type { AccountPlan } from '../accounts.ts';
import { isPromise } from '../time-limit.ts';

/** How full accounts are, as far as that is known at once. */
export interface Standings {
  /** In the order of the plan. Undefined for an account of which nothing is known yet: then only the gates decide. */
  read(plan: AccountPlan): readonly (AccountStanding | undefined)[];
  /** Learns from a reply of the store. */
  saw(plan: AccountPlan, reply: ReserveReply): void;
}

const REMEMBERED_ACCOUNTS = 10_000;

/**
 * Read from the store where it lives in this process, exact at this moment. For another store: runs from the book that is
 * kept of them here, the others as the store's newest reply told of them.
 */
export function createStandings(store: Store, local: Store, now: () => number): Standings {
  const known = recentMap<AccountSnapshot>(REMEMBERED_ACCOUNTS);
  const ofHere = (ref: AccountRef): AccountStanding | undefined => {
    const snapshot = local.read(ref);
    return isPromise(snapshot) ? undefined : standingOf(ref, snapshot);
  };
  const ofThere = (ref: AccountRef): AccountStanding | undefined => {
    const snapshot = known.get(keyOf(ref));
    return snapshot && (snapshot.resetsAt === null || snapshot.resetsAt > now()) ? standingOf(ref, snapshot) : undefined;
  };
  return {
    read: ({ refs, runRefs }) => refs.map((ref, place) => (store.inProcess || place < runRefs.length ? ofHere(ref) : ofThere(ref))),
    saw({ refs }, reply) {
      if (store.inProcess || !reply.granted) return;
      for (const [place, snapshot] of reply.accounts.entries()) {
        const ref = refs[place];
        // What this step itself holds is no longer held when the next one asks.
        if (ref) known.set(keyOf(ref), { ...snapshot, held: reply.isReplay ? snapshot.held : minus(snapshot.held, reply.amounts) });
      }
    },
  };
}

const keyOf = ({ tenant, scope, id, window }: AccountRef): string => JSON.stringify([tenant, scope, id, window]);

const standingOf = ({ kept }: AccountRef, snapshot: AccountSnapshot): AccountStanding => ({
  sums: snapshot,
  limits: snapshot.limits,
  kept,
});

/** What an ask would hold, were it taken now: clamped to what fits, or the least that is of use where nothing does. */
export function amountsAsked(ask: Ask, standings: readonly (AccountStanding | undefined)[]): Amounts {
  const { gates: _gates, ...bare } = ask;
  const fitting = fit(
    bare,
    standings.filter((each) => each !== undefined),
  );
  if (fitting.fits) return fitting.amounts;
  const units = Math.min(ask.unitsLeast ?? Infinity, ask.unitsWanted ?? 0);
  return amountsOf((dimension) => ask.base[dimension] + (ask.perUnit?.[dimension] ?? 0) * units);
}

/** Whose accounts a rung compares when it does not say. */
const USUAL_SCOPES: readonly string[] = ['run', 'session', 'user'];

/** The places in a plan and the dimensions that a rung compares. */
export function comparedBy(
  { on = dimensions, scopes = USUAL_SCOPES }: Rung,
  { refs }: AccountPlan,
): readonly { place: number; dimension: Dimension }[] {
  return refs.flatMap(({ scope, limits, tighter }, place) =>
    scopes.includes(scope)
      ? on
          .filter((dimension) => limits[dimension] !== undefined || tighter?.[dimension] !== undefined)
          .map((dimension) => ({ place, dimension }))
      : [],
  );
}

/** The pressures that a rung looks at, highest first. */
export function pressuresOf(
  rung: Rung,
  plan: AccountPlan,
  asked: Amounts,
  standings: readonly (AccountStanding | undefined)[],
): readonly RungStanding[] {
  return comparedBy(rung, plan)
    .flatMap(({ place, dimension }): RungStanding[] => {
      const account = standings[place];
      const limit = account?.limits[dimension];
      const scope = plan.refs[place]?.scope ?? '';
      if (!account || limit === undefined) return [];
      const used = account.sums.settled[dimension] + account.sums.unconfirmed[dimension];
      const held = account.sums.held[dimension];
      const sum = used + held + asked[dimension];
      const pressure = limit > 0 ? sum / limit : sum > 0 ? Number.POSITIVE_INFINITY : 1;
      const shown = (amount: number): number => publicAmount(dimension, amount);
      return [{ scope, dimension, limit: shown(limit), used: shown(used), held: shown(held), pressure }];
    })
    .sort((a, b) => b.pressure - a.pressure);
}
