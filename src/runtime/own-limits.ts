import { tightest, type AmountLimits } from '../core/amounts.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import type { Accounts } from './accounts.ts';
import { amountLimits } from './limits.ts';
import type { RunBudgets } from './options.ts';

/** What a run sets for itself: limits by scope, and how long it may take at the most (Infinity: no limit). */
export interface OwnLimits {
  readonly limits: Readonly<Record<string, AmountLimits>>;
  readonly limitMs: number;
}

/** The same budgets come again with each pause. */
export const distinct = (given: readonly RunBudgets<string>[]): readonly RunBudgets<string>[] =>
  given.length < 2 ? given : [...new Map(given.map((budgets) => [JSON.stringify(budgets), budgets])).values()];

/** The limits of all these budgets at once: those that were given now, those of before a pause, and the guard's duration. */
export function ownLimits(
  given: readonly RunBudgets<string>[],
  guards: Duration | undefined,
  accounts: Pick<Accounts, 'headroomOf'>,
): OwnLimits {
  const limits: Record<string, AmountLimits> = {};
  for (const [scope, budget] of given.flatMap((budgets) => Object.entries(budgets)))
    if (budget) limits[scope] = tightest(limits[scope] ?? {}, amountLimits(budget, accounts.headroomOf(scope, budget)));
  const durations = [...given.map(({ run }) => run?.duration), guards];
  return { limits, limitMs: Math.min(...durations.map((each) => (each === undefined ? Number.POSITIVE_INFINITY : durationMs(each)))) };
}
