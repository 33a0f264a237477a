import { dimensions, type Dimension } from '../../core/amounts.ts';
import type { PublicAmounts } from '../../core/budget.ts';
import type { RunInfo } from '../../runtime/events.ts';
import type { Spender } from './alert-notice.ts';

/** Whose spend is asked for. */
export interface Account {
  readonly tenant: string;
  readonly scope: string;
  readonly id: string;
}

/** Who has spent what of late, as far as this process has seen. Bounded: the row that was quiet longest goes first. */
export interface SpendRows {
  add(run: RunInfo, used: PublicAmounts, at: number): void;
  /** How much of a dimension an account has been using an hour. */
  perHour(account: Account, dimension: Dimension): number;
  /** The ids below an account that spent most since they were first seen. */
  spenders(account: Account, dimension: Dimension, most: number): Spender[];
}

interface Row {
  readonly tenant: string;
  readonly scopes: Readonly<Record<string, string>>;
  readonly since: number;
  readonly sums: Record<Dimension, number>;
  /** Sums in which what is long past counts less and less. */
  readonly recent: Record<Dimension, number>;
  at: number;
}

const ROWS = 5_000;
/** What was spent so long ago counts 1/e of what is spent now. */
const MEMORY_MS = 10 * 60_000;
/** A rate over a shorter stretch would be wild. */
const STRETCH_MIN_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Below which scopes the spenders of an account are looked for. */
const below: Readonly<Record<string, readonly string[]>> = {
  global: ['tenant', 'user', 'feature'],
  tenant: ['user', 'feature', 'session'],
  feature: ['user', 'session'],
  user: ['session', 'feature'],
};
const elsewhere = ['user', 'feature', 'session'];

export function spendRows(now: () => number): SpendRows {
  const rows = new Map<string, Row>();
  const keys = new WeakMap<RunInfo, string>();
  let newest: RunInfo | undefined;

  const fadeTo = (row: Row, at: number): number => Math.exp(-Math.max(0, at - row.at) / MEMORY_MS);
  const ofAccount = ({ tenant, scope, id }: Account): Row[] =>
    [...rows.values()].filter(
      (row) => scope === 'global' || (row.tenant === tenant && (scope === 'tenant' || (row.scopes[scope] ?? defaultId(scope)) === id)),
    );

  return {
    add(run, used, at) {
      const { tenant, scopes } = run;
      const key = keys.get(run) ?? JSON.stringify([tenant, scopes]);
      keys.set(run, key);
      const row = rows.get(key) ?? { tenant, scopes, since: at, sums: nothing(), recent: nothing(), at };
      const fade = fadeTo(row, at);
      for (const dimension of dimensions) {
        row.sums[dimension] += used[dimension];
        row.recent[dimension] = row.recent[dimension] * fade + used[dimension];
      }
      row.at = at;
      // The row of a run that goes on is among the newest already.
      if (run !== newest) {
        rows.delete(key);
        rows.set(key, row);
      }
      newest = run;
      const oldest = rows.size > ROWS ? rows.keys().next().value : undefined;
      if (oldest !== undefined) rows.delete(oldest);
    },
    perHour(account, dimension) {
      const at = now();
      const found = ofAccount(account);
      const since = Math.min(at, ...found.map((row) => row.since));
      // A sum with a memory of ten minutes has not filled up yet when it is younger than that.
      const stretch = MEMORY_MS * (1 - Math.exp(-Math.max(STRETCH_MIN_MS, at - since) / MEMORY_MS));
      const recent = found.reduce((sum, row) => sum + row.recent[dimension] * fadeTo(row, at), 0);
      return (recent / stretch) * HOUR_MS;
    },
    spenders(account, dimension, most) {
      const found = ofAccount(account);
      for (const scope of below[account.scope] ?? elsewhere) {
        const sums = new Map<string, number>();
        for (const row of found) {
          const id = scope === 'tenant' ? row.tenant : row.scopes[scope];
          if (id !== undefined) sums.set(id, (sums.get(id) ?? 0) + row.sums[dimension]);
        }
        // A single tenant says nothing of who it is: look one scope further.
        if (sums.size === 0 || (scope === 'tenant' && sums.size === 1)) continue;
        const largest = [...sums].sort((a, b) => b[1] - a[1]).filter(([, amount]) => amount > 0);
        return largest.slice(0, most).map(([id, amount]) => ({ scope, id, amount }));
      }
      return [];
    },
  };
}

const defaultId = (scope: string): string => (scope === 'feature' ? 'default' : 'anonymous');

const nothing = (): Record<Dimension, number> =>
  Object.fromEntries(dimensions.map((dimension) => [dimension, 0])) as Record<Dimension, number>;
