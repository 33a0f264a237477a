import { tightest, type AmountLimits, type Dimension } from '../../core/amounts.ts';
import type { Ask, Gate } from '../../core/reservation.ts';
import type { Ladder } from '../../ladder/options.ts';
import type { AccountRef } from '../../stores/store.ts';
import type { AccountPlan } from '../accounts.ts';

/** The share of a run's limits that is kept back for its closing call; undefined where no rung asks for any. */
export function keptShare({ rungs, isShadow }: Ladder): number | undefined {
  const shares = rungs.flatMap(({ isTerminal, reserve }) => (isTerminal && reserve !== undefined ? [reserve] : []));
  return isShadow || shares.length === 0 ? undefined : Math.max(...shares);
}

/** A closing call is one step and one model call; it needs these whole, and a share of everything that it uses up. */
const counted: readonly Dimension[] = ['steps', 'modelCalls'];
const measured: readonly Dimension[] = ['usd', 'tokens', 'inputTokens', 'outputTokens', 'reasoningTokens'];

/** What of a run's limits is kept back. */
export function keptOf({ limits, tighter }: AccountRef, share: number): AmountLimits {
  const ceilings = tighter ? tightest(limits, tighter) : limits;
  const kept: { -readonly [D in Dimension]?: number } = {};
  for (const dimension of counted) {
    const limit = ceilings[dimension];
    if (limit !== undefined) kept[dimension] = Math.min(limit, Math.max(1, Math.ceil(limit * share)));
  }
  for (const dimension of measured) {
    const limit = ceilings[dimension];
    if (limit !== undefined) kept[dimension] = Math.floor(limit * share);
  }
  return kept;
}

/** An account under new ceilings, in the dimensions that they name. */
export function raised(account: AccountRef, ceilings: AmountLimits, share: number | undefined): AccountRef {
  const { limits, tighter } = account;
  const higher = { ...account, limits: { ...limits, ...ceilings }, ...(tighter ? { tighter: { ...tighter, ...ceilings } } : {}) };
  return share === undefined ? higher : { ...higher, kept: keptOf(higher, share) };
}

/** The ask of a closing call: it may use what its own run has kept back for it, but not what the runs around it have. */
export function closingAsk(ask: Ask, { runRefs }: AccountPlan, runId: string): Ask {
  const gates = runRefs.flatMap(({ id, limits, tighter, kept = {} }, account): Gate[] => {
    if (id === runId) return [];
    const ceilings = tighter ? tightest(limits, tighter) : limits;
    return Object.entries(kept).flatMap(([name, slice]) => {
      const dimension = name as Dimension;
      const limit = ceilings[dimension];
      // A share, not an amount, so that a limit that was raised counts; a hair more, for shares are no whole numbers.
      return limit ? [{ account, dimension, below: (limit - slice) / limit + 1e-12 }] : [];
    });
  });
  return { ...ask, isClosing: true, gates };
}
