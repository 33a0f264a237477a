import { context, SpanKind, SpanStatusCode, trace, type Attributes, type Context, type Span, type Tracer } from '@opentelemetry/api';
import type { RunInfo } from 'holdfast';
import { endedStepAttributes, runAttributes, stepAttributes } from './attributes.ts';
import type { TelemetryGuard } from './open-telemetry.ts';

/** Spans that are never ended (their process's run went astray) are ended when there are more than this. */
const OPEN_MOST = 20_000;

/** Traces runs and steps as spans of their own, or as attributes and events on the spans that are current. */
export function traceRuns(guard: TelemetryGuard, tracer: Tracer, mode: 'all' | 'current'): (() => void)[] {
  const runs = openSpans();
  const steps = openSpans();
  const ownSpans = mode === 'all';

  /** The span that tells of a run: its own, or the one around the caller. */
  const spanOf = (run: RunInfo): Span | undefined => runs.get(run.id)?.span ?? trace.getActiveSpan();

  /** Where what happens in a run hangs: under the span that a host has made inside it, else under the run's own. */
  function contextIn(run: OpenSpan | undefined): Context {
    const active = trace.getActiveSpan()?.spanContext();
    if (!run || (active && active.traceId === run.span.spanContext().traceId && !run.around.includes(active.spanId)))
      return context.active();
    return run.context;
  }

  return [
    guard.on('run:start', ({ run }) => {
      const attributes = runAttributes(run);
      if (!ownSpans) {
        trace.getActiveSpan()?.setAttributes(attributes);
        return;
      }
      const name = run.agent === undefined ? 'invoke_agent' : `invoke_agent ${run.agent}`;
      const outer = run.parentId === undefined ? undefined : runs.get(run.parentId);
      const inside = contextIn(outer);
      const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, startTime: run.startedAt, attributes }, inside);
      const around = trace.getActiveSpan()?.spanContext().spanId;
      runs.open(run.id, {
        span,
        context: trace.setSpan(inside, span),
        around: [...(outer?.around ?? []), ...(around === undefined ? [] : [around])],
      });
    }),
    guard.on('step:start', ({ run, step }) => {
      if (!ownSpans) {
        trace.getActiveSpan()?.addEvent('holdfast.hold', stepAttributes(run, step));
        return;
      }
      const isModel = step.kind === 'model';
      // What a sampler may ask for; the rest is for those who record.
      const attributes = { 'gen_ai.operation.name': isModel ? 'chat' : 'execute_tool' };
      const name = isModel ? `chat ${step.name}` : `execute_tool ${step.name}`;
      const settings = { kind: isModel ? SpanKind.CLIENT : SpanKind.INTERNAL, startTime: step.startedAt, attributes };
      const inside = contextIn(runs.get(run.id));
      const span = tracer.startSpan(name, settings, inside);
      if (!span.isRecording()) return;
      span.setAttributes(stepAttributes(run, step));
      steps.open(step.id, { span, context: inside, around: [] });
    }),
    guard.on('step:end', ({ run, step }) => {
      if (!ownSpans) {
        trace.getActiveSpan()?.addEvent('holdfast.settle', { ...stepAttributes(run, step), ...endedStepAttributes(step) });
        return;
      }
      const span = steps.take(step.id)?.span;
      if (!span) return;
      if (step.outcome === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttributes(endedStepAttributes(step)).end(step.endedAt);
    }),
    guard.on('loop:verdict', ({ run, verdict }) => {
      spanOf(run)?.addEvent('holdfast.loop.verdict', {
        'holdfast.loop.kind': verdict.kind,
        'holdfast.loop.level': verdict.level,
        'holdfast.loop.laps': verdict.laps,
        'holdfast.loop.first_step': verdict.firstStep,
        'holdfast.step.index': verdict.step,
        'holdfast.loop.reason': verdict.reason,
      });
    }),
    guard.on('ladder:climb', ({ run, step, rung, pressure, detail, isShadow }) => {
      spanOf(run)?.addEvent('holdfast.ladder.climb', {
        'holdfast.rung': rung,
        'holdfast.pressure': pressure,
        'holdfast.detail': detail,
        'holdfast.step.index': step,
        'holdfast.is_shadow': isShadow,
      });
    }),
    guard.on('run:halt', ({ run, halt }) => {
      const facts: Attributes = { 'holdfast.halt.cause': halt.cause, 'holdfast.halt.step': halt.step, 'holdfast.halt.reason': halt.reason };
      const span = spanOf(run);
      span?.addEvent('holdfast.halt', facts);
      span?.setAttributes(facts);
      if (ownSpans) span?.setStatus({ code: SpanStatusCode.ERROR, message: halt.reason });
    }),
    guard.on('run:end', ({ run, report }) => {
      const totals = {
        'holdfast.used.usd': report.used.usd,
        'holdfast.used.tokens': report.used.tokens,
        'holdfast.used.steps': report.used.steps,
      };
      if (!ownSpans) {
        trace.getActiveSpan()?.setAttributes(totals);
        return;
      }
      runs
        .take(run.id)
        ?.span.setAttributes(totals)
        .end(report.endedAt ?? undefined);
    }),
    () => {
      steps.endAll();
      runs.endAll();
    },
  ];
}

interface OpenSpan {
  readonly span: Span;
  readonly context: Context;
  /** The ids of the spans in which it, and the runs around it, began. */
  readonly around: readonly string[];
}

/** Spans that have begun and not ended, up to a bound. */
function openSpans() {
  const spans = new Map<string, OpenSpan>();
  return {
    open(id: string, span: OpenSpan): void {
      const oldest = spans.size >= OPEN_MOST ? spans.entries().next().value : undefined;
      if (oldest) {
        spans.delete(oldest[0]);
        oldest[1].span.end();
      }
      spans.set(id, span);
    },
    get: (id: string): OpenSpan | undefined => spans.get(id),
    take(id: string): OpenSpan | undefined {
      const found = spans.get(id);
      spans.delete(id);
      return found;
    },
    endAll(): void {
      for (const { span } of spans.values()) span.end();
      spans.clear();
    },
  };
}
