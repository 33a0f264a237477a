import type { EndedStepInfo, RunInfo, RunReport } from 'holdfast';
import { boundedSeries, type BoundedLabel } from './bounded-labels.ts';
import type { MetricFactory } from './metric-factory.ts';
import type { MeteredGuard } from './prometheus-metrics.ts';

/** The labels whose values come from outside. */
export interface Labels {
  readonly provider: BoundedLabel;
  readonly model: BoundedLabel;
  readonly tool: BoundedLabel;
  readonly feature: BoundedLabel;
  readonly tenant: BoundedLabel;
}

const SERIES_MOST = 2_000;
const seconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];
const storeSeconds = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const usd = [0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 50];
const counts = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377];
const ratios = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 4];

/** Counts events as they come. Returns the way out. */
export function countEvents(guard: Pick<MeteredGuard, 'on'>, metrics: MetricFactory, labels: Labels): () => void {
  const offs = [
    ...countRuns(guard, metrics, labels),
    ...countSteps(guard, metrics, labels),
    ...countInterventions(guard, metrics),
    ...countTrouble(guard, metrics),
  ];
  return () => {
    for (const off of offs) off();
  };
}

function countRuns(guard: Pick<MeteredGuard, 'on'>, metrics: MetricFactory, labels: Labels): (() => void)[] {
  const started = metrics.counter('runs_started_total', 'Runs that began, runs inside others included', ['feature']);
  const ended = metrics.counter('runs_ended_total', 'Runs that are over', ['feature']);
  const halted = metrics.counter('runs_halted_total', 'Runs that were stopped', ['feature', 'cause']);
  const denied = metrics.counter('denials_total', 'Steps that a budget refused', ['scope', 'dimension']);
  const live = metrics.gauge('runs_live', 'Runs that are going on', []);
  live.set(0);
  // A run that began before anybody counted must not take away from those that did not.
  const counted = new WeakSet<RunInfo>();
  const steps = metrics.histogram('run_steps', 'Steps of a run, with those of the runs inside it', [], counts);
  const tools = metrics.histogram('run_tool_calls', 'Tool calls of a run, with those of the runs inside it', [], counts);
  const duration = metrics.histogram('run_duration_seconds', 'How long runs take, pauses left out', [], seconds);
  const cost = metrics.histogram('run_cost_usd', 'What runs cost, with the runs inside them', [], usd);
  const observe = ({ used, durationMs }: RunReport): void => {
    steps.observe(used.steps);
    tools.observe(used.toolCalls);
    duration.observe(durationMs / 1000);
    cost.observe(used.usd);
  };
  const featureOf = ({ scopes }: RunInfo): string => labels.feature(scopes['feature']);
  return [
    guard.on('run:start', ({ run }) => {
      started.inc({ feature: featureOf(run) });
      live.inc();
      counted.add(run);
    }),
    guard.on('run:end', ({ run, report }) => {
      ended.inc({ feature: featureOf(run) });
      if (counted.delete(run)) live.dec();
      if (run.parentId === undefined) observe(report);
    }),
    guard.on('run:halt', ({ run, halt }) => {
      halted.inc({ feature: featureOf(run), cause: halt.cause });
      if (halt.denial) denied.inc({ scope: halt.denial.scope, dimension: halt.denial.dimension });
    }),
  ];
}

function countSteps(guard: Pick<MeteredGuard, 'on'>, metrics: MetricFactory, labels: Labels): (() => void)[] {
  const steps = metrics.counter('steps_total', 'Steps that ended', ['kind', 'name', 'outcome']);
  const duration = metrics.histogram('step_duration_seconds', 'How long steps take', ['kind'], seconds);
  const spend = metrics.counter('spend_usd_total', 'Dollars that were booked', ['provider', 'model', 'feature', 'tenant']);
  const tokens = metrics.counter('tokens_total', 'Tokens; cached and cache_write are parts of input, reasoning of output', [
    'provider',
    'model',
    'type',
  ]);
  const overage = metrics.counter('overage_usd_total', 'Dollars used above the holds', []);
  const estimated = metrics.counter('estimated_steps_total', 'Steps whose usage the host did not report', []);
  const unpriced = metrics.counter('unpriced_calls_total', 'Model calls without a known price; they count as 0 dollars', ['model']);
  const ratio = metrics.histogram('estimate_ratio', 'What a model call used, over what was held or expected for it', ['of'], ratios);
  const retries = metrics.counter('retries_total', 'Attempts of model calls beyond the first', ['model']);
  const spendSeries = boundedSeries<'provider' | 'model' | 'feature' | 'tenant'>(SERIES_MOST);
  const stepSeries = boundedSeries<'kind' | 'name' | 'outcome'>(SERIES_MOST);
  for (const counter of [overage, estimated]) counter.inc(0);

  function countModelCall(step: EndedStepInfo, model: string, provider: string): void {
    const { usage, used, held, expected } = step;
    if (step.attempts > 1) retries.inc({ model }, step.attempts - 1);
    if (step.priceSource === undefined && !step.isCached && step.outcome !== 'answered') unpriced.inc({ model }, step.attempts);
    if (usage) {
      const of = { provider, model };
      tokens.inc({ ...of, type: 'input' }, usage.inputTokens);
      tokens.inc({ ...of, type: 'output' }, usage.outputTokens);
      if (usage.cachedInputTokens > 0) tokens.inc({ ...of, type: 'cached' }, usage.cachedInputTokens);
      if (usage.cacheWriteTokens > 0) tokens.inc({ ...of, type: 'cache_write' }, usage.cacheWriteTokens);
      if (usage.reasoningTokens > 0) tokens.inc({ ...of, type: 'reasoning' }, usage.reasoningTokens);
    }
    if (step.isEstimated || step.isCached || step.outcome !== 'ok') return;
    if (held.usd > 0) ratio.observe({ of: 'held' }, used.usd / held.usd);
    if (expected.usd > 0) ratio.observe({ of: 'expected' }, used.usd / expected.usd);
  }

  return [
    guard.on('step:end', ({ run, step }) => {
      const isModel = step.kind === 'model';
      const name = (isModel ? labels.model : labels.tool)(step.name);
      steps.inc(stepSeries({ kind: step.kind, name, outcome: step.outcome }));
      duration.observe({ kind: step.kind }, Math.max(0, step.endedAt - step.startedAt) / 1000);
      if (step.outcome === 'released') return;
      const { usd } = step.used;
      const provider = labels.provider(providerOf(step));
      if (usd > 0 || isModel) {
        const [model, feature, tenant] = [isModel ? name : 'tool', labels.feature(run.scopes['feature']), labels.tenant(run.tenant)];
        spend.inc(spendSeries({ provider, model, feature, tenant }), usd);
      }
      if (step.overage.usd > 0) overage.inc(step.overage.usd);
      if (step.isEstimated) estimated.inc();
      if (isModel) countModelCall(step, name, provider);
    }),
  ];
}

/** Whose price it was, as the price table calls it; the empty text for tools, prices of your own and unknown ones. */
const providerOf = ({ priceSource = '' }: EndedStepInfo): string => /^genai-prices:([^/]+)\//.exec(priceSource)?.[1] ?? '';

function countInterventions(guard: Pick<MeteredGuard, 'on'>, metrics: MetricFactory): (() => void)[] {
  const verdicts = metrics.counter('loop_verdicts_total', 'Loops as detectors told of them', ['kind', 'level']);
  const waste = metrics.counter('loop_waste_usd_total', 'What the laps of halted loops after the first cost', ['kind']);
  const climbs = metrics.counter('ladder_climbs_total', 'Rungs that were climbed, or would have been', ['rung', 'pressure', 'shadow']);
  const alerts = metrics.counter('budget_alerts_total', 'Thresholds that accounts crossed', ['scope', 'dimension', 'threshold']);
  return [
    guard.on('loop:verdict', ({ verdict }) => {
      verdicts.inc({ kind: verdict.kind, level: verdict.level });
      // A run is halted once, so no loop is counted twice.
      if (verdict.level === 'halt') waste.inc({ kind: verdict.kind }, Math.max(0, verdict.waste.nanoUsd ?? 0) / 1e9);
    }),
    guard.on('ladder:climb', ({ rung, pressure, isShadow }) => climbs.inc({ rung, pressure, shadow: String(isShadow) })),
    guard.on('budget:alert', ({ scope, dimension, threshold }) => alerts.inc({ scope, dimension, threshold: String(threshold) })),
  ];
}

function countTrouble(guard: Pick<MeteredGuard, 'on'>, metrics: MetricFactory): (() => void)[] {
  const store = metrics.counter('store_errors_total', 'Failures of the store, and what was done', ['operation', 'policy']);
  const hooks = metrics.counter('hook_errors_total', 'Failures of listeners, fallbacks, rungs and other code of your own', []);
  const usages = metrics.counter('usage_invalid_total', 'Reported usages that contradicted themselves', []);
  const missing = metrics.counter('scope_missing_total', 'Budgeted scopes that came without an id; once per scope', ['scope']);
  const answers = metrics.histogram(
    'store_operation_duration_seconds',
    'How long a shared store takes to answer',
    ['operation'],
    storeSeconds,
  );
  const replayed = metrics.counter('store_replayed_settlements_total', 'Settlements that waited for the store and were booked late', []);
  const lost = metrics.counter('store_lost_settlements_total', 'Settlements that no store will get', []);
  const expired = metrics.counter('holds_expired_total', 'Steps that were settled after their hold had expired', []);
  for (const counter of [hooks, usages, replayed, lost, expired]) counter.inc(0);
  return [
    guard.on('store:answer', ({ operation, durationMs }) => answers.observe({ operation }, durationMs / 1000)),
    guard.on('store:recovered', ({ settlements }) => replayed.inc(settlements)),
    guard.on('store:error', ({ error }) => {
      const { code, count } = (error ?? {}) as { code?: unknown; count?: unknown };
      if (code === 'settlements_lost' && typeof count === 'number') lost.inc(count);
    }),
    guard.on('hold:expired', () => expired.inc()),
    guard.on('store:error', ({ operation, policy }) => store.inc({ operation, policy })),
    guard.on('hook:error', () => hooks.inc()),
    guard.on('usage:invalid', () => usages.inc()),
    guard.on('scope:missing', ({ scope }) => missing.inc({ scope })),
  ];
}
