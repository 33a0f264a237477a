import type { AccountRef, AccountSnapshot, Amounts, Ask, ReserveReply } from 'holdfast';
import type { Lease } from './lease.ts';
import { sum } from './lease-sums.ts';
import { nothing } from './reply.ts';

export type Granted = ReserveReply & { readonly granted: true };
type Leases = readonly (Lease | undefined)[];

/** All that an ask wants, unclamped. */
export function wholeOf({ base, perUnit, unitsWanted = 0 }: Ask): Amounts {
  if (!perUnit || unitsWanted === 0) return base;
  return sum(base, perUnit, unitsWanted);
}

/** The first ask whose gates are open as far as leases know; the server looks at those of its accounts. */
export const firstOpen = (asks: readonly Ask[], by: Leases): number => asks.findIndex((ask) => isOpen(ask, by));

function isOpen(ask: Ask, by: Leases): boolean {
  if (!ask.gates || ask.gates.length === 0) return true;
  const amounts = wholeOf(ask);
  return ask.gates.every(({ account, dimension, below }) => {
    const seen = by[account]?.snapshot();
    const limit = seen?.limits[dimension];
    if (!seen || limit === undefined) return true;
    return seen.settled[dimension] + seen.unconfirmed[dimension] + seen.held[dimension] + amounts[dimension] <= limit * below;
  });
}

const emptyAccount = ({ tenant, scope, id, window, limits }: AccountRef): AccountSnapshot => ({
  tenant,
  scope,
  id,
  window,
  limits,
  settled: nothing,
  held: nothing,
  unconfirmed: nothing,
  overage: nothing,
  resetsAt: null,
});

/** The answer to a step that draws on leases: its accounts as this process knows them. */
export function grantOf(
  { ask, units, amounts }: Pick<Granted, 'ask' | 'units' | 'amounts'>,
  accounts: readonly AccountRef[],
  by: Leases,
  isReplay: boolean,
): Granted {
  const shown = accounts.map((ref, place) => by[place]?.snapshot() ?? emptyAccount(ref));
  return { granted: true, ask, units, amounts, accounts: shown, isReplay };
}
