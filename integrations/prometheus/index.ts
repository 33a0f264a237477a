/**
 * Metrics of a guard for Prometheus, on `prom-client`.
 *
 * @module
 */

export { prometheusMetrics, type MeteredGuard, type PrometheusMetrics, type PrometheusOptions } from './prometheus-metrics.ts';
