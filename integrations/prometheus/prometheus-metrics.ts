import type { Guard } from 'holdfast';
import { register as defaultRegistry, type Registry } from 'prom-client';
import { accountGauges } from './account-gauges.ts';
import { billedRatioGauge } from './billed-ratio-gauge.ts';
import { boundedLabel } from './bounded-labels.ts';
import { countEvents } from './event-counters.ts';
import { metricFactory } from './metric-factory.ts';

/** The part of a guard that its metrics need. */
export interface MeteredGuard {
  on: Guard['on'];
  /** Events are counted many at a time where the guard has this; what is read has all of them nevertheless. */
  later?: Guard['later'];
  list: Guard['list'];
  billedRatios?: Guard['billedRatios'];
}

export interface PrometheusOptions {
  /** Where the metrics are registered. Default: the default registry of prom-client. */
  readonly registry?: Registry | undefined;
  /** How many values each of the labels `model`, `feature`, `name` and `tenant` may have. Default 50. */
  readonly mostLabels?: number | undefined;
  /** Features that have a label of their own; all others are `_other`. Default: the first that come, up to `mostLabels`. */
  readonly features?: readonly string[] | undefined;
  /**
   * Scopes whose ids may be labels, such as `['tenant']`; of each the accounts with the largest spend, up to `mostAccounts`.
   * Default: features. The accounts of every other scope are summed up under `_other`: ids belong in logs and traces.
   */
  readonly showIds?: readonly string[] | undefined;
  /** How many accounts a scope may show, and how many are read. Default 20 and 1,000. */
  readonly mostAccounts?: number | undefined;
  readonly readAccounts?: number | undefined;
  /** How long the store may take to list accounts at a scrape, in milliseconds; then the last figures stand. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  /** The day of which the prices are, where they are your own: `holdfast_price_age_seconds` tells how old they are. */
  readonly pricesAsOf?: Date | undefined;
}

/** The metrics of one guard. */
export interface PrometheusMetrics {
  /** Serve `await registry.metrics()` under `/metrics`. */
  readonly registry: Registry;
  /** Stops listening and takes the metrics out of the registry. */
  stop(): void;
}

/**
 * Counts what a guard does, for Prometheus. Names begin with `holdfast_`; no id is a label unless you name its scope, and
 * every label is bounded. Dashboards and alert rules for these names are in `dashboards/`.
 *
 * @example
 * const { registry } = prometheusMetrics(guard, { showIds: ['feature', 'tenant'] });
 * createServer(async (_, response) => response.end(await registry.metrics())).listen(9464);
 */
export function prometheusMetrics(guard: MeteredGuard, options: PrometheusOptions = {}): PrometheusMetrics {
  const { registry = defaultRegistry, mostLabels = 50, showIds = ['feature'], pricesAsOf } = options;
  const { mostAccounts = 20, readAccounts = 1_000, timeoutMs = 2_000 } = options;
  const metrics = metricFactory(registry, () => guard.later?.flush());
  const stopCounting = countEvents(guard.later ?? guard, metrics, {
    provider: boundedLabel(mostLabels),
    model: boundedLabel(mostLabels),
    tool: boundedLabel(mostLabels),
    feature: boundedLabel(mostLabels, options.features),
    tenant: boundedLabel(mostLabels, showIds.includes('tenant') ? undefined : ['default']),
  });
  billedRatioGauge(guard, metrics, mostLabels);
  accountGauges(guard, metrics, { showIds, mostAccounts, readAccounts, timeoutMs });
  if (pricesAsOf) {
    metrics.gauge('price_age_seconds', 'Age of the prices that the guard was given', [], (gauge) =>
      gauge.set((Date.now() - pricesAsOf.getTime()) / 1000),
    );
  }
  return {
    registry,
    stop() {
      stopCounting();
      metrics.remove();
    },
  };
}
