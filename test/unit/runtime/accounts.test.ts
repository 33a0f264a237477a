import { BudgetExceededError, createGuard } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, prices, toolCall, usage } from '../../support/guards.ts';
import { spend, think } from '../../support/spending.ts';

describe('guard.adjust', () => {
  it('raises and lowers limits while runs are alive, and takes it back', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1 } } });
    const run = guard.start({ scopes: { user: 'u' } });
    const step = (args: number): Promise<number> => run.step(toolCall({ args }), () => ({ output: args }));
    await step(1);
    await guard.adjust('user', 'u', { steps: 3 });
    await step(2);
    await guard.adjust('user', 'u', { steps: 2 });
    expect(await errorOf(spend(guard, { scopes: { user: 'u' } }))).toMatchObject({ halt: { denial: { limit: 2 } } });
    await guard.adjust('user', 'u', { steps: 9 });
    await step(3);
    expect((await guard.adjust('user', 'u', null)).limits).toEqual({ steps: 1 });
    await expect(step(4)).rejects.toBeInstanceOf(BudgetExceededError);
    await run.end();
  });

  it('changes limits for a time, or until a moment', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 1 } } });
    await guard.adjust('user', 'u', { steps: 5 }, { for: '1h' });
    await guard.adjust('user', 'v', { steps: 5 }, { until: new Date(clock.now() + 3_600_000) });
    expect((await guard.read('user', 'u')).limits.steps).toBe(5);
    clock.advance(3_600_000);
    for (const user of ['u', 'v']) expect((await guard.read('user', user)).limits.steps).toBe(1);
  });

  it('raises the limit of a run', async () => {
    const guard = createGuard({ budgets: { run: { steps: 1 } } });
    const run = guard.start();
    await run.step(toolCall(), () => ({ output: 1 }));
    await guard.adjust('run', run.id, { steps: 2 });
    await run.step(toolCall({ args: 2 }), () => ({ output: 2 }));
    expect(await errorOf(run.begin(toolCall()))).toBeInstanceOf(BudgetExceededError);
    await run.end();
  });
});

describe('single accounts', () => {
  it('are read in public units, with what is left', async () => {
    const guard = createGuard({ prices, budgets: { user: { usd: 1, tokens: 10_000 } } });
    await think(guard, usage(1_000, 500), { scopes: { user: 'u' } });
    const run = guard.start({ scopes: { user: 'u' } });
    const step = await run.begin(modelCall({ maxOutputTokens: 1_000 }));
    const reading = await guard.read('user', 'u');
    expect(reading).toMatchObject({ tenant: 'default', scope: 'user', id: 'u', window: 'lifetime', resetsAt: null });
    expect(reading.used).toMatchObject({
      usd: 0.002,
      tokens: 1_500,
      inputTokens: 1_000,
      outputTokens: 500,
      steps: 1,
      modelCalls: 1,
      toolCalls: 0,
    });
    expect(reading.held.outputTokens).toBe(1_000);
    expect(reading.remaining.tokens).toBe(10_000 - 1_500 - reading.held.tokens);
    await step.release();
    expect((await guard.read('user', 'u')).held.tokens).toBe(0);
    await run.end();
  });

  it('of a tenant are found by the tenant’s name', async () => {
    const guard = createGuard({ budgets: { tenant: { steps: 1 } } });
    await spend(guard, { scopes: { tenant: 'acme' } });
    expect((await guard.read('tenant', 'acme')).used.steps).toBe(1);
    await guard.adjust('tenant', 'acme', { steps: 2 });
    await spend(guard, { scopes: { tenant: 'acme' } });
    await guard.erase('tenant', 'acme');
    expect((await guard.read('tenant', 'acme')).used.steps).toBe(0);
  });

  it('are listed, the largest spend first', async () => {
    const guard = createGuard({ prices, budgets: { user: { usd: 1 } } });
    for (const [user, output] of [
      ['a', 100],
      ['b', 900],
      ['c', 500],
    ] as const)
      await think(guard, usage(1, output), { scopes: { user } });
    expect((await guard.list({ scope: 'user' })).map(({ id }) => id)).toEqual(['b', 'c', 'a']);
    expect((await guard.list({ scope: 'user', most: 1 })).map(({ id }) => id)).toEqual(['b']);
    expect(await guard.list({ tenant: 'other' })).toEqual([]);
  });

  it('are forgotten on request', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1 } } });
    await spend(guard, { scopes: { user: 'u' } });
    await guard.erase('user', 'u');
    await expect(spend(guard, { scopes: { user: 'u' } })).resolves.toBe('ok');
  });
});

describe('alerts', () => {
  it('come once for each threshold, account and window', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 10, window: 'day' } } });
    const events = logEvents(guard);
    const told = (): unknown[] => events.of('budget:alert').map(({ id, threshold, used }) => [id, threshold, used]);
    for (let index = 0; index < 10; index += 1) await spend(guard, { scopes: { user: 'u' } });
    expect(told()).toEqual([
      ['u', 0.5, 5],
      ['u', 0.8, 8],
      ['u', 0.95, 10],
    ]);
    for (let index = 0; index < 5; index += 1) await spend(guard, { scopes: { user: 'v' } });
    expect(told()).toHaveLength(4);
    clock.advance(86_400_000);
    for (let index = 0; index < 5; index += 1) await spend(guard, { scopes: { user: 'u' } });
    expect(told().at(-1)).toEqual(['u', 0.5, 5]);
    expect(told()).toHaveLength(5);
  });

  it('come at the shares that were asked for', async () => {
    const guard = createGuard({ alertAt: [0.3], budgets: { user: { steps: 10, alertAt: [1, 0.1] }, session: { steps: 10 } } });
    const events = logEvents(guard);
    for (let index = 0; index < 10; index += 1) await spend(guard);
    expect(events.of('budget:alert').map(({ scope, threshold, used }) => `${scope} ${threshold} ${used}`)).toEqual([
      'user 0.1 1',
      'session 0.3 3',
      'user 1 10',
    ]);
  });
});
