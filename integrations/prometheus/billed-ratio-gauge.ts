import { boundedLabel } from './bounded-labels.ts';
import type { MetricFactory } from './metric-factory.ts';
import type { MeteredGuard } from './prometheus-metrics.ts';

/**
 * A gauge of what bills taught about counts, read when it is scraped. Of the models that have no label of their own the largest ratio
 * of each kind of content is shown.
 */
export function billedRatioGauge(guard: MeteredGuard, metrics: MetricFactory, mostLabels: number): void {
  const modelLabel = boundedLabel(mostLabels);
  const help = 'Input tokens that were billed for one that was counted: above 1, counts are too low, and holds are raised by as much';
  metrics.gauge('billed_ratio', help, ['model', 'content'], (gauge) => {
    const largest = new Map<string, number>();
    gauge.reset();
    for (const { model, content, ratio } of guard.billedRatios?.() ?? []) {
      const labels = { model: modelLabel(model), content };
      const series = `${labels.model}\n${content}`;
      const shown = Math.max(ratio, largest.get(series) ?? 0);
      largest.set(series, shown);
      gauge.set(labels, shown);
    }
  });
}
