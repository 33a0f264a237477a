import { createGuard, followEntries, spendReport, type Guard, type Rung } from 'holdfast';
import { prometheusMetrics } from 'holdfast/prometheus';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { accountSeries } from '../../integrations/prometheus/account-gauges.ts';
import { settleAll } from '../support/guards.ts';
import { setUp } from '../support/shared-store.ts';
import { seededWorkload } from '../support/workload.ts';

const usage = { inputTokens: 1_000, outputTokens: 100 };

const ask = (guard: Guard, scopes: Record<string, string>, model = 'gpt-4o'): Promise<unknown> =>
  guard.run({ scopes }, (run) => run.step({ kind: 'model', model, input: 'hi' }, async () => ({ output: 'ok', usage })));

/** The value of a series, by its text in the exposition. */
async function valueOf(registry: Registry, series: string): Promise<number | undefined> {
  const line = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('prometheusMetrics', () => {
  it('counts spend, tokens and steps by model and feature', async () => {
    const guard = createGuard();
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    await ask(guard, { feature: 'chat' });
    await ask(guard, { feature: 'chat' });
    expect(
      await valueOf(registry, 'holdfast_spend_usd_total{provider="openai",model="gpt-4o",feature="chat",tenant="default"}'),
    ).toBeCloseTo(0.007, 12);
    expect(await valueOf(registry, 'holdfast_tokens_total{provider="openai",model="gpt-4o",type="input"}')).toBe(2_000);
    expect(await valueOf(registry, 'holdfast_steps_total{kind="model",name="gpt-4o",outcome="ok"}')).toBe(2);
    expect(await valueOf(registry, 'holdfast_run_cost_usd_count')).toBe(2);
    expect(await valueOf(registry, 'holdfast_runs_live')).toBe(0);
  });

  it('has all that has happened also where a single metric is read, and no time has passed', async () => {
    const guard = createGuard();
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    for (const [name, value] of [
      ['holdfast_steps_total', 1],
      ['holdfast_tokens_total', 2_000],
      ['holdfast_runs_live', 0],
      ['holdfast_step_duration_seconds', 4],
    ] as const) {
      await ask(guard, { feature: 'chat' });
      const figures = await registry.getSingleMetric(name)?.get();
      expect(figures?.values.find(({ labels }) => !('le' in labels) || labels.le === '+Inf')?.value, name).toBe(value);
    }
  });

  it('shows no id of a user, a session or a tenant, unless their scope is named', async () => {
    const budgets = { user: { usd: 1 }, tenant: { usd: 5 }, feature: { usd: 9 } } as const;
    for (const showIds of [undefined, ['user', 'tenant']]) {
      const guard = createGuard({ budgets });
      const { registry } = prometheusMetrics(guard, { registry: new Registry(), showIds });
      await ask(guard, { user: 'alice', tenant: 'acme', feature: 'chat', session: 'secret-session' });
      const text = await registry.metrics();
      expect(text.includes('alice')).toBe(showIds !== undefined);
      expect(text.includes('acme')).toBe(showIds !== undefined);
      expect(text).not.toContain('secret-session');
      const account = showIds ? 'acme/alice' : '_other';
      expect(await valueOf(registry, `holdfast_budget_settled{scope="user",account="${account}",dimension="usd",window="lifetime"}`)).toBe(
        0.0035,
      );
    }
  });

  it('bounds every label: what comes after the first values is counted under _other, and nothing is lost', async () => {
    const guard = createGuard({ allowUnpriced: true });
    const { registry } = prometheusMetrics(guard, { registry: new Registry(), mostLabels: 3 });
    for (let each = 0; each < 20; each += 1) await ask(guard, { feature: `f${each}` }, `model-${each}`);
    const text = await registry.metrics();
    const steps = text.split('\n').filter((line) => line.startsWith('holdfast_steps_total{'));
    expect(steps).toHaveLength(4);
    expect(steps.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(20);
    expect(new Set([...text.matchAll(/feature="([^"]*)"/g)].map(([, feature]) => feature))).toEqual(new Set(['f0', 'f1', 'f2', '_other']));
  });

  it('shows how much more or less than counted each model bills, the largest of those without a label', async () => {
    const guard = createGuard({ allowUnpriced: true });
    const { registry } = prometheusMetrics(guard, { registry: new Registry(), mostLabels: 1 });
    const bill = (model: string, inputTokens: number): Promise<unknown> =>
      guard.run((run) =>
        run.step({ kind: 'model', model, input: 'word '.repeat(1_000) }, async () => ({
          output: 'ok',
          usage: { inputTokens, outputTokens: 1 },
        })),
      );
    expect(await registry.metrics()).not.toContain('holdfast_billed_ratio{');
    for (const [model, tokens] of [
      ['gpt-4o', 2_014],
      ['house-1', 3_021],
      ['house-2', 2_500],
    ] as const)
      await bill(model, tokens);
    expect(await valueOf(registry, 'holdfast_billed_ratio{model="gpt-4o",content="text"}')).toBeCloseTo(2, 1);
    expect(await valueOf(registry, 'holdfast_billed_ratio{model="_other",content="text"}')).toBeCloseTo(3, 1);
  });

  it('gives only the features that were named a label', async () => {
    const guard = createGuard();
    const { registry } = prometheusMetrics(guard, { registry: new Registry(), features: ['search'] });
    for (const feature of ['chat', 'search']) await ask(guard, { feature });
    expect(await valueOf(registry, 'holdfast_runs_started_total{feature="_other"}')).toBe(1);
    expect(await valueOf(registry, 'holdfast_runs_started_total{feature="search"}')).toBe(1);
  });

  it('tells of refusals, loops, alerts and retries', async () => {
    const guard = createGuard({ budgets: { run: { toolCalls: 30 }, user: { modelCalls: 1 } } });
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    await ask(guard, { user: 'u' });
    await expect(ask(guard, { user: 'u' })).rejects.toThrow('user budget exceeded');
    const looping = guard.run(async (run) => {
      for (;;) await run.step({ kind: 'tool', name: 'lookup', args: { id: 1 } }, async () => ({ output: 'error: down' }));
    });
    await expect(looping).rejects.toThrow();
    expect(await valueOf(registry, 'holdfast_denials_total{scope="user",dimension="modelCalls"}')).toBe(1);
    expect(await valueOf(registry, 'holdfast_runs_halted_total{feature="",cause="budget"}')).toBe(1);
    expect(await valueOf(registry, 'holdfast_runs_halted_total{feature="",cause="loop"}')).toBe(1);
    expect(await valueOf(registry, 'holdfast_budget_alerts_total{scope="user",dimension="modelCalls",threshold="0.5"}')).toBe(1);
    expect(await registry.metrics()).toMatch(/holdfast_loop_verdicts_total\{kind="[\w-]+",level="halt"\} 1/);
  });

  it('keeps the last figures and counts an error when the store does not answer a scrape', async () => {
    const guard = createGuard({ budgets: { feature: { usd: 1 } } });
    let answers = true;
    const list: Guard['list'] = (options) => (answers ? guard.list(options) : new Promise(() => {}));
    const { registry } = prometheusMetrics({ on: guard.on, list }, { registry: new Registry(), timeoutMs: 20 });
    await ask(guard, { feature: 'chat' });
    const series = 'holdfast_budget_settled{scope="feature",account="chat",dimension="usd",window="lifetime"}';
    expect(await valueOf(registry, series)).toBe(0.0035);
    answers = false;
    expect(await valueOf(registry, series)).toBe(0.0035);
    expect(await valueOf(registry, 'holdfast_scrape_errors_total')).toBe(1);
  });

  it('tells how long a shared store takes, what waited for it, and what expired', async () => {
    const { guard, store, clock, spend, wait } = setUp({ budgets: { user: { steps: 100, onExpire: 'charge' } } });
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    await spend();
    expect(await valueOf(registry, 'holdfast_store_operation_duration_seconds_count{operation="reserve"}')).toBe(1);
    store.faults = { reserve: 'reject', settle: 'reject' };
    for (let step = 0; step < 3; step += 1) await spend(step);
    store.faults = { extend: 'reject' };
    await spend();
    await settleAll();
    expect(await valueOf(registry, 'holdfast_store_replayed_settlements_total')).toBe(3);

    const run = guard.start();
    const step = await run.begin({ kind: 'tool', name: 'slow' });
    clock.advance(61_000);
    await settleAll();
    const series = 'holdfast_budget_unconfirmed{scope="user",account="_other",dimension="steps",window="lifetime"}';
    expect(await valueOf(registry, series)).toBe(1);
    await step.end({ output: 'late' });
    await wait(run.end());
    expect(await valueOf(registry, series)).toBe(0);
    expect(await valueOf(registry, 'holdfast_holds_expired_total')).toBe(1);

    store.faults = { reserve: 'reject', settle: 'reject' };
    await spend('lost');
    await wait(guard.close());
    expect(await valueOf(registry, 'holdfast_store_lost_settlements_total')).toBe(1);
  });

  it('counts no call without a price where a rung gave the answer', async () => {
    const answers: Rung = { name: 'answers', at: 0, offer: () => ({ kind: 'answer', output: 'from before' }) };
    const guard = createGuard({ ladder: [answers] });
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    const report = spendReport();
    followEntries(guard, report.add);
    await ask(guard, {});
    expect(await valueOf(registry, 'holdfast_steps_total{kind="model",name="gpt-4o",outcome="answered"}')).toBe(1);
    expect(await valueOf(registry, 'holdfast_unpriced_calls_total{model="gpt-4o"}')).toBeUndefined();
    expect(report.total().unpricedCalls).toBe(0);
  });

  it('counts only runs as ended that it saw begin as going on', async () => {
    const guard = createGuard();
    const run = guard.start();
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    const other = guard.start();
    await run.end();
    expect(await valueOf(registry, 'holdfast_runs_live')).toBe(1);
    await other.end();
    expect(await valueOf(registry, 'holdfast_runs_live')).toBe(0);
  });

  it('stops listening and leaves the registry as it was', async () => {
    const registry = new Registry();
    const guard = createGuard();
    const first = prometheusMetrics(guard, { registry });
    first.stop();
    expect(await registry.metrics()).toBe('\n');
    prometheusMetrics(guard, { registry }).stop();
  });

  it('comes out with the sums of the store after a workload of every kind', async () => {
    const guard = createGuard({ budgets: { global: { usd: 1_000 } } });
    const { registry } = prometheusMetrics(guard, { registry: new Registry() });
    await seededWorkload(guard, { seed: 7, runs: 40 });
    const text = await registry.metrics();
    const spend = text
      .split('\n')
      .filter((line) => line.startsWith('holdfast_spend_usd_total{'))
      .reduce((sum, line) => sum + Math.round(Number(line.split(' ').at(-1)) * 1e9), 0);
    expect(spend).toBeGreaterThan(0);
    expect(spend).toBe(Math.round((await guard.read('global')).used.usd * 1e9));
    expect(await valueOf(registry, 'holdfast_runs_live')).toBe(0);
  });
});

describe('the series of accounts', () => {
  it('sum up what is not shown, and tell the largest utilisation among it', () => {
    const none = { usd: 0, tokens: 0, inputTokens: 0, outputTokens: 0, reasoningTokens: 0, steps: 0, modelCalls: 0, toolCalls: 0 };
    const account = (id: string, usd: number) => ({
      tenant: 'default',
      scope: 'user',
      id,
      window: 'day',
      limits: { usd: 10 },
      used: { ...none, usd },
      held: none,
      unconfirmed: none,
      overage: none,
      remaining: { usd: 10 - usd },
      resetsAt: 1_000,
    });
    const accounts = [account('a', 9), account('b', 5), account('c', 1)];
    const series = accountSeries(accounts, { showIds: ['user'], mostAccounts: 1, readAccounts: 10, timeoutMs: 1 });
    expect(series.map(({ labels, values }) => [labels.account, values.get('usd')])).toEqual([
      ['a', { limit: 10, settled: 9, held: 0, unconfirmed: 0, overage: 0, utilization: 0.9 }],
      ['_other', { limit: 20, settled: 6, held: 0, unconfirmed: 0, overage: 0, utilization: 0.5 }],
    ]);
  });
});
