import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Makes metrics in one registry, under one prefix, and takes them out again. */
export interface MetricFactory {
  counter<L extends string>(name: string, help: string, labels: readonly L[]): Counter<L>;
  /** `collect` sets the gauge when it is scraped. */
  gauge<L extends string>(name: string, help: string, labels: readonly L[], collect?: (gauge: Gauge<L>) => void | Promise<void>): Gauge<L>;
  histogram<L extends string>(name: string, help: string, labels: readonly L[], buckets: readonly number[]): Histogram<L>;
  remove(): void;
}

const PREFIX = 'holdfast_';

/** `beforeRead` is called whenever one of the metrics is about to be read. */
export function metricFactory(registry: Registry, beforeRead: () => void): MetricFactory {
  const names: string[] = [];
  const settings = <L extends string>(name: string, help: string, labels: readonly L[]) => {
    names.push(PREFIX + name);
    return { name: PREFIX + name, help, labelNames: labels, registers: [registry], collect: beforeRead };
  };
  return {
    counter: (name, help, labels) => new Counter(settings(name, help, labels)),
    gauge: <L extends string>(name: string, help: string, labels: readonly L[], collect?: (gauge: Gauge<L>) => void | Promise<void>) =>
      new Gauge<L>({
        ...settings(name, help, labels),
        ...(collect && {
          collect(this: Gauge<L>) {
            beforeRead();
            return collect(this);
          },
        }),
      }),
    histogram: (name, help, labels, buckets) => new Histogram({ ...settings(name, help, labels), buckets: [...buckets] }),
    remove() {
      for (const name of names) registry.removeSingleMetric(name);
    },
  };
}
