import { dimensions, type AccountReading, type Dimension } from 'holdfast';
import { OTHER } from './bounded-labels.ts';
import type { MetricFactory } from './metric-factory.ts';
import type { MeteredGuard } from './prometheus-metrics.ts';

export interface AccountGaugeOptions {
  readonly showIds: readonly string[];
  readonly mostAccounts: number;
  readonly readAccounts: number;
  readonly timeoutMs: number;
}

/** The figures of one dimension. */
interface SumOf {
  readonly limit: number;
  readonly settled: number;
  readonly held: number;
  readonly unconfirmed: number;
  readonly overage: number;
  readonly utilization: number;
}

/** One series of the gauges: an account, or all accounts of a scope that are not shown by themselves. */
export interface AccountSeries {
  readonly labels: { readonly scope: string; readonly account: string; readonly window: string };
  readonly resetsAt: number | null;
  readonly values: ReadonlyMap<Dimension, SumOf>;
}

/** Gauges of what accounts may spend, have spent and hold, read from the store when they are scraped. */
export function accountGauges(guard: MeteredGuard, metrics: MetricFactory, options: AccountGaugeOptions): void {
  const labels = ['scope', 'account', 'dimension', 'window'] as const;
  const failures = metrics.counter('scrape_errors_total', 'Scrapes at which the store did not list its accounts in time', []);
  failures.inc(0);
  const readings = oneAtATime(async (): Promise<void> => {
    try {
      const listed = await withinMs(guard.list({ most: options.readAccounts }), options.timeoutMs);
      show(accountSeries(listed, options));
    } catch {
      failures.inc();
    }
  });
  // All gauges of one scrape are set by one reading: prom-client collects them at the same time.
  const gauge = (name: string, help: string) => metrics.gauge(name, help, labels, readings);
  const limit = gauge('budget_limit', 'The limit in force; dollars, or a count');
  const settled = gauge('budget_settled', 'What was used in the window');
  const held = gauge('budget_held', 'What steps in flight hold');
  const unconfirmed = gauge(
    'budget_unconfirmed',
    'What holds took that expired with their worker, and that still counts (onExpire: charge)',
  );
  const overage = gauge('budget_overage', 'What was used above the holds');
  const utilization = gauge('budget_utilization_ratio', 'Used and held over the limit; of accounts that are not shown, the largest');
  const resets = metrics.gauge(
    'budget_resets_timestamp_seconds',
    'When the window of an account ends',
    ['scope', 'account', 'window'],
    readings,
  );

  function show(series: readonly AccountSeries[]): void {
    for (const each of [limit, settled, held, unconfirmed, overage, utilization, resets]) each.reset();
    for (const { labels: account, resetsAt, values } of series) {
      if (resetsAt !== null) resets.set(account, resetsAt / 1000);
      for (const [dimension, value] of values) {
        const named = { scope: account.scope, account: account.account, dimension, window: account.window };
        limit.set(named, value.limit);
        settled.set(named, value.settled);
        held.set(named, value.held);
        unconfirmed.set(named, value.unconfirmed);
        overage.set(named, value.overage);
        utilization.set(named, value.utilization);
      }
    }
  }
}

/** The series that accounts are shown as: the largest of each scope that may show ids, and one for all others. */
export function accountSeries(accounts: readonly AccountReading[], { showIds, mostAccounts }: AccountGaugeOptions): AccountSeries[] {
  const shown = new Map<string, number>();
  const series = new Map<string, AccountSeries & { resetsAt: number | null; values: Map<Dimension, SumOf> }>();
  for (const account of accounts) {
    const { scope } = account;
    // A run's account is of no interest once it is over, and there is no end of them.
    if (scope === 'run') continue;
    const count = shown.get(scope) ?? 0;
    const isShown = scope === 'global' || (showIds.includes(scope) && count < mostAccounts);
    if (isShown) shown.set(scope, count + 1);
    const labels = { scope, account: isShown ? nameOf(account, showIds) : OTHER, window: account.window };
    const name = JSON.stringify(labels);
    const known = series.get(name) ?? { labels, resetsAt: account.resetsAt, values: new Map<Dimension, SumOf>() };
    series.set(name, known);
    known.resetsAt = known.resetsAt === null ? account.resetsAt : Math.min(known.resetsAt, account.resetsAt ?? Number.POSITIVE_INFINITY);
    for (const dimension of dimensions) add(known.values, account, dimension);
  }
  return [...series.values()];
}

function add(values: Map<Dimension, SumOf>, { limits, used, held, unconfirmed, overage }: AccountReading, dimension: Dimension): void {
  const limit = limits[dimension];
  if (limit === undefined) return;
  const sum = values.get(dimension) ?? { limit: 0, settled: 0, held: 0, unconfirmed: 0, overage: 0, utilization: 0 };
  const taken = used[dimension] + held[dimension] + unconfirmed[dimension];
  values.set(dimension, {
    limit: sum.limit + limit,
    settled: sum.settled + used[dimension],
    held: sum.held + held[dimension],
    unconfirmed: sum.unconfirmed + unconfirmed[dimension],
    overage: sum.overage + overage[dimension],
    utilization: Math.max(sum.utilization, limit > 0 ? taken / limit : taken > 0 ? 1 : 0),
  });
}

/** Features of different tenants are different accounts; the tenant is shown only where it may be. */
const nameOf = ({ tenant, scope, id }: AccountReading, showIds: readonly string[]): string =>
  scope === 'global' || scope === 'tenant' || tenant === 'default' || !showIds.includes('tenant') ? id : `${tenant}/${id}`;

/** Calls that come while one is under way share it. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= work().finally(() => (running = undefined)));
}

function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    timer.unref();
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
