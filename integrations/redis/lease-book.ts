import { windowName, type AccountRef, type ThresholdCrossing } from 'holdfast';
import type { Lease } from './lease.ts';
import { isSame } from './step-plan.ts';

/** The leases of this process. */
export interface LeaseBook {
  /** The leases of accounts; none where a scope is not leased. */
  leasesFor(accounts: readonly AccountRef[]): readonly (Lease | undefined)[];
  /** What was begun in a window that is over is settled there: then the next one has a lease of its own. */
  retireOverdue(): void;
  /** Tells what was used and gives back what no step under way needs. */
  shrinkAll(): Promise<void>;
  remove(isToGo: (lease: Lease) => boolean): void;
  /** Thresholds that were crossed when something was told, and that nobody has heard of yet. */
  takeAlerts(): readonly ThresholdCrossing[];
}

export function leaseBook(
  open: (ref: AccountRef, onAlerts: (alerts: readonly ThresholdCrossing[]) => void) => Lease,
  scopes: readonly string[] | undefined,
): LeaseBook {
  const leases = new Map<string, Lease>();
  /** Leases of windows that are over, until the steps that were begun in them have ended. */
  const overdue = new Set<Lease>();
  const names = new WeakMap<AccountRef, string>();
  /** A run takes its steps in the same accounts: their leases, as long as none goes. */
  let ofLists = new WeakMap<
    readonly AccountRef[],
    { readonly accounts: readonly AccountRef[]; readonly leases: readonly (Lease | undefined)[] }
  >();
  let alerts: ThresholdCrossing[] = [];
  const onAlerts = (crossed: readonly ThresholdCrossing[]): void => void alerts.push(...crossed);

  /** Accounts under other limits have other leases: each is admitted under its own. */
  function nameOf(ref: AccountRef): string {
    let name = names.get(ref);
    if (name === undefined) {
      name = JSON.stringify([ref.tenant, ref.scope, ref.id, windowName(ref.window), ref.limits, ref.tighter, ref.kept]);
      names.set(ref, name);
    }
    return name;
  }

  function leaseFor(ref: AccountRef): Lease | undefined {
    if (scopes && !scopes.includes(ref.scope)) return undefined;
    const name = nameOf(ref);
    let lease = leases.get(name);
    if (!lease) leases.set(name, (lease = open(ref, onAlerts)));
    return lease;
  }

  function remove(isToGo: (lease: Lease) => boolean): void {
    ofLists = new WeakMap();
    for (const [name, lease] of leases) if (isToGo(lease)) leases.delete(name);
    for (const lease of overdue) if (isToGo(lease)) overdue.delete(lease);
  }

  function retireOverdue(): void {
    for (const [name, lease] of leases) {
      if (!lease.isOver) continue;
      ofLists = new WeakMap();
      leases.delete(name);
      overdue.add(lease);
    }
  }

  return {
    leasesFor(accounts) {
      let found = ofLists.get(accounts);
      if (!found || !isSame(found.accounts, accounts)) {
        found = { accounts: [...accounts], leases: accounts.map(leaseFor) };
        ofLists.set(accounts, found);
      }
      return found.leases;
    },
    retireOverdue,
    async shrinkAll() {
      retireOverdue();
      try {
        await Promise.all([...leases.values(), ...overdue].map((lease) => lease.shrink()));
      } finally {
        remove(({ isIdle }) => isIdle);
      }
    },
    remove,
    takeAlerts() {
      const taken = alerts;
      if (taken.length > 0) alerts = [];
      return taken;
    },
  };
}
