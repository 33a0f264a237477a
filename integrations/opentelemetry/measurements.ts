import type { Meter } from '@opentelemetry/api';
import { errorAttributes, providerAttributes } from './attributes.ts';
import type { TelemetryGuard } from './open-telemetry.ts';

/** The buckets that the conventions advise. */
const tokenBuckets = Array.from({ length: 14 }, (_, power) => 4 ** power);
const secondBuckets = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power);
const NAMES_MOST = 200;

/** Measures runs and steps: the client metrics of the GenAI conventions, and the guard's own. No id is an attribute. */
export function measure(guard: TelemetryGuard, meter: Meter): (() => void)[] {
  const tokens = meter.createHistogram('gen_ai.client.token.usage', {
    unit: '{token}',
    description: 'Tokens of a model call',
    advice: { explicitBucketBoundaries: tokenBuckets },
  });
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: secondBuckets } });
  const duration = seconds('gen_ai.client.operation.duration', 'Duration of a model call');
  const toolDuration = seconds('gen_ai.execute_tool.duration', 'Duration of a tool call');
  const runDuration = seconds('gen_ai.invoke_agent.duration', 'Duration of a run, pauses left out');
  const spend = meter.createCounter('holdfast.spend', { unit: 'USD', description: 'Dollars that were booked' });
  const halts = meter.createCounter('holdfast.runs.halted', { unit: '{run}', description: 'Runs that were stopped' });
  const verdicts = meter.createCounter('holdfast.loop.verdicts', { unit: '{verdict}', description: 'Loops that were seen' });
  const climbs = meter.createCounter('holdfast.ladder.climbs', { unit: '{climb}', description: 'Rungs that were climbed' });
  const alerts = meter.createCounter('holdfast.budget.alerts', { unit: '{alert}', description: 'Thresholds that were crossed' });
  const storeErrors = meter.createCounter('holdfast.store.errors', { unit: '{error}', description: 'Failures of the store' });
  const answers = seconds('holdfast.store.operation.duration', 'Duration of an operation of a shared store');
  const expired = meter.createCounter('holdfast.holds.expired', {
    unit: '{hold}',
    description: 'Steps settled after their hold had expired',
  });
  const [modelName, toolName, featureName, agentName] = [boundedName(), boundedName(), boundedName(), boundedName()];
  return [
    guard.on('step:end', ({ run, step }) => {
      if (step.outcome === 'released') return;
      const isModel = step.kind === 'model';
      const name = (isModel ? modelName : toolName)(step.name);
      const elapsed = Math.max(0, step.endedAt - step.startedAt) / 1000;
      const feature = featureName(run.scopes['feature'] ?? '');
      if (step.used.usd > 0)
        spend.add(step.used.usd, { 'holdfast.step.kind': step.kind, 'gen_ai.response.model': name, 'holdfast.scope.feature': feature });
      // An answer that a rung gave is no operation of a model or a tool.
      if (step.outcome === 'answered') return;
      const failed = errorAttributes(step.outcome === 'error');
      if (!isModel) {
        toolDuration.record(elapsed, { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name, ...failed });
        return;
      }
      const model = { 'gen_ai.operation.name': 'chat', 'gen_ai.response.model': name, ...providerAttributes(step) };
      duration.record(elapsed, { ...model, ...failed });
      // The conventions want what was billed: what nobody reported is in the spend alone.
      if (!step.usage || step.isEstimated) return;
      tokens.record(step.usage.inputTokens, { ...model, 'gen_ai.token.type': 'input' });
      tokens.record(step.usage.outputTokens, { ...model, 'gen_ai.token.type': 'output' });
    }),
    guard.on('run:end', ({ run, report }) =>
      runDuration.record(report.durationMs / 1000, run.agent ? { 'gen_ai.agent.name': agentName(run.agent) } : {}),
    ),
    guard.on('run:halt', ({ halt }) =>
      halts.add(1, {
        'holdfast.halt.cause': halt.cause,
        ...(halt.denial ? { 'holdfast.scope': halt.denial.scope, 'holdfast.dimension': halt.denial.dimension } : {}),
      }),
    ),
    guard.on('loop:verdict', ({ verdict }) =>
      verdicts.add(1, { 'holdfast.loop.kind': verdict.kind, 'holdfast.loop.level': verdict.level }),
    ),
    guard.on('ladder:climb', ({ rung, pressure, isShadow }) =>
      climbs.add(1, { 'holdfast.rung': rung, 'holdfast.pressure': pressure, 'holdfast.is_shadow': isShadow }),
    ),
    guard.on('budget:alert', ({ scope, dimension, threshold }) =>
      alerts.add(1, { 'holdfast.scope': scope, 'holdfast.dimension': dimension, 'holdfast.threshold': threshold }),
    ),
    guard.on('store:answer', ({ operation, durationMs, isError }) =>
      answers.record(durationMs / 1000, { 'holdfast.operation': operation, ...errorAttributes(isError) }),
    ),
    guard.on('hold:expired', () => expired.add(1)),
    guard.on('store:error', ({ operation, policy }) => storeErrors.add(1, { 'holdfast.operation': operation, 'holdfast.policy': policy })),
  ];
}

/** Names of models, tools, features and agents come from outside: the first so many of each keep theirs. */
function boundedName(): (name: string) => string {
  const admitted = new Set<string>();
  return (name) => {
    if (name === '' || admitted.has(name)) return name;
    if (admitted.size >= NAMES_MOST) return '_other';
    admitted.add(name);
    return name;
  };
}
