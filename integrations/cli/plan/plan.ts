import type { Spread } from './spread.ts';

/** What one interaction is: one question of a user, with everything that the agent does to answer it. */
export interface Interaction {
  /** Dollars; what half of all interactions cost at most, what 95 % do, and the mean. */
  readonly usd: Spread;
  readonly modelCalls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface PlanInput {
  readonly model: string;
  readonly interaction: Interaction;
  /** Interactions of one active user on one day. */
  readonly perUserDay: Spread;
  readonly users: number;
  readonly daysAMonth: number;
  /** Dollars a user may spend on one day. */
  readonly budgetUsd: number;
  readonly savings: readonly Saving[];
}

/** What a change would save: the cost of one mean interaction after it. */
export interface Saving {
  readonly what: string;
  readonly usd: number;
}

export interface Plan {
  readonly model: string;
  readonly usdPerInteraction: Spread;
  readonly interactionsPerUserDay: Spread;
  readonly usdPerUserDay: Spread;
  readonly budgetUsd: number;
  /** How many interactions the budget of a user and day allows, at the cost of a mean, a usual (p50) and a dear (p95) one. */
  readonly allowed: Spread;
  /** The largest bill that the budgets let through. */
  readonly monthAtMostUsd: number;
  readonly monthUsd: Spread;
  readonly users: number;
  readonly daysAMonth: number;
  readonly interaction: Omit<Interaction, 'usd'>;
  readonly savings: readonly {
    readonly what: string;
    readonly usdPerInteraction: number;
    readonly share: number;
    readonly usdAMonth: number;
  }[];
}

const each = (a: Spread, b: Spread, combine: (a: number, b: number) => number): Spread => ({
  mean: combine(a.mean, b.mean),
  p50: combine(a.p50, b.p50),
  p95: combine(a.p95, b.p95),
});

/**
 * The finance page as numbers. The month's mean is users × days × the mean of a user's day; its p50 and p95 are those of a
 * user's day for everybody at once, so the p95 is a month in which every user is a heavy one.
 */
export function planOf(input: PlanInput): Plan {
  const { interaction, perUserDay, users, daysAMonth, budgetUsd } = input;
  const { usd, ...rest } = interaction;
  const day = each(usd, perUserDay, (cost, count) => cost * count);
  const month = (usdPerDay: number): number => usdPerDay * users * daysAMonth;
  const allowedAt = (cost: number): number => (cost > 0 ? Math.floor(budgetUsd / cost + 1e-9) : Number.POSITIVE_INFINITY);
  return {
    model: input.model,
    usdPerInteraction: usd,
    interactionsPerUserDay: perUserDay,
    usdPerUserDay: day,
    budgetUsd,
    allowed: { mean: allowedAt(usd.mean), p50: allowedAt(usd.p50), p95: allowedAt(usd.p95) },
    monthAtMostUsd: month(budgetUsd),
    monthUsd: { mean: month(day.mean), p50: month(day.p50), p95: month(day.p95) },
    users,
    daysAMonth,
    interaction: rest,
    savings: input.savings
      .map(({ what, usd: after }) => ({
        what,
        usdPerInteraction: usd.mean - after,
        share: usd.mean > 0 ? (usd.mean - after) / usd.mean : 0,
        usdAMonth: month((usd.mean - after) * perUserDay.mean),
      }))
      .sort((a, b) => b.usdAMonth - a.usdAMonth),
  };
}
