import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type ContextManager,
  type Meter,
  type MeterProvider,
  type Span,
  type SpanStatus,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

/** A span as it was told, for tests. */
export interface RecordedSpan {
  readonly name: string;
  readonly id: string;
  readonly parentId: string | undefined;
  readonly attributes: Attributes;
  readonly events: { readonly name: string; readonly attributes: Attributes }[];
  status: SpanStatus | undefined;
  ended: number;
}

export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes;
}

/** An SDK in miniature: remembers spans and measurements, and carries the context through promises. */
export function recordingTelemetry(): {
  readonly spans: RecordedSpan[];
  readonly measurements: Measurement[];
  /** What `openTelemetry` is given. */
  readonly providers: { readonly tracerProvider: TracerProvider; readonly meterProvider: MeterProvider };
  inSpan<T>(name: string, work: () => T): T;
} {
  const spans: RecordedSpan[] = [];
  const measurements: Measurement[] = [];
  let next = 0;

  function startSpan(name: string, attributes: Attributes = {}, parent: Context = context.active()): Span {
    const around = trace.getSpan(parent)?.spanContext();
    const spanContext = {
      traceId: around?.traceId ?? `trace-${next}`,
      spanId: `span-${(next += 1)}`,
      traceFlags: TraceFlags.SAMPLED,
    };
    const told: RecordedSpan = {
      name,
      id: spanContext.spanId,
      parentId: around?.spanId,
      attributes: { ...attributes },
      events: [],
      status: undefined,
      ended: 0,
    };
    spans.push(told);
    const span: Span = {
      spanContext: () => spanContext,
      setAttribute: (key, value) => (Object.assign(told.attributes, { [key]: value }), span),
      setAttributes: (more) => (Object.assign(told.attributes, more), span),
      addEvent: (event, given) => (told.events.push({ name: event, attributes: (given ?? {}) as Attributes }), span),
      addLink: () => span,
      addLinks: () => span,
      setStatus: (status) => ((told.status = status), span),
      updateName: () => span,
      end: () => void (told.ended += 1),
      isRecording: () => told.ended === 0,
      recordException: () => {},
    };
    return span;
  }

  const tracer: Tracer = {
    startSpan: (name, options, parent) => startSpan(name, options?.attributes, parent),
    startActiveSpan: () => {
      throw new Error('not needed here');
    },
  };
  const instrument = (name: string) => {
    const tell = (value: number, attributes: Attributes = {}): void => void measurements.push({ name, value, attributes });
    return { record: tell, add: tell };
  };
  const meter = { createHistogram: instrument, createCounter: instrument } as unknown as Meter;
  return {
    spans,
    measurements,
    providers: { tracerProvider: { getTracer: () => tracer }, meterProvider: { getMeter: () => meter } },
    inSpan: (name, work) => context.with(trace.setSpan(context.active(), startSpan(name)), work),
  };
}

/** Carries the context through awaits, as the SDK for Node does. */
export function asyncContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (given, fn, self, ...args) => storage.run(given, () => fn.call(self as ThisParameterType<typeof fn>, ...args)),
    bind: (_given, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}
