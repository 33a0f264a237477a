import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import type { Guard } from 'holdfast';
import { measure } from './measurements.ts';
import { traceRuns } from './spans.ts';

/** The part of a guard that its telemetry needs. */
export interface TelemetryGuard {
  on: Guard['on'];
}

export interface OpenTelemetryOptions {
  /** Default: the global one. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** False where only traces are wanted. Default true. */
  readonly metrics?: boolean | undefined;
  /**
   * `'all'`: a span for each run and step; `'current'`: only attributes and events on the spans that are there already,
   * where another instrumentation makes spans of model calls; `false`: none. Default `'all'`.
   */
  readonly spans?: 'all' | 'current' | false | undefined;
}

/**
 * Tells OpenTelemetry what a guard does. Returns the way out. Ids of users and sessions are attributes of spans, never of
 * metrics; content is neither.
 *
 * @example const stop = openTelemetry(guard);
 */
export function openTelemetry(guard: TelemetryGuard, options: OpenTelemetryOptions = {}): () => void {
  const { meterProvider = metrics, tracerProvider = trace, spans = 'all' } = options;
  const offs = [
    ...(options.metrics === false ? [] : measure(guard, meterProvider.getMeter('holdfast'))),
    ...(spans === false ? [] : traceRuns(guard, tracerProvider.getTracer('holdfast'), spans)),
  ];
  return () => {
    for (const off of offs) off();
  };
}
