import { BudgetExceededError, createGuard, dimensions, InvalidOptionError } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, prices, toolCall, usage } from '../../support/guards.ts';
import { countUntilRefused, spend, think, type AnyGuard } from '../../support/spending.ts';

describe('every dimension', () => {
  it.each([
    ['usd', 0.01],
    ['tokens', 10_000],
    ['inputTokens', 2_500],
    ['outputTokens', 7_500],
    ['reasoningTokens', 500],
    ['steps', 3],
    ['modelCalls', 3],
  ] as const)('of a model call is held to its limit: %s', async (dimension, limit) => {
    const guard = createGuard({ prices, maxOutputTokens: 100, minUseful: 1, budgets: { user: { [dimension]: limit } } });
    const granted = await countUntilRefused(() => think(guard, usage(1_000, 3_000, 200), { scopes: { user: 'u' } }));
    const reading = await guard.read('user', 'u');
    expect(granted).toBeGreaterThan(0);
    expect(granted).toBeLessThan(10);
    // The last call that was granted began below the limit, whatever it came to in the end.
    const perCall = reading.used[dimension] / granted;
    expect(reading.used[dimension] - perCall).toBeLessThan(limit);
  });

  it('of a tool call is held to its limit: toolCalls, steps and the money that the tool costs', async () => {
    for (const [budget, granted] of [
      [{ toolCalls: 2 }, 2],
      [{ steps: 3 }, 3],
      [{ usd: 0.05 }, 5],
    ] as const) {
      const guard = createGuard({ tools: { search: { usd: 0.01 } }, budgets: { user: budget } });
      expect(await countUntilRefused(() => spend(guard))).toBe(granted);
    }
  });

  it('that is 0 forbids the first call', async () => {
    for (const dimension of dimensions.filter((each) => each !== 'toolCalls')) {
      const guard = createGuard({ prices, budgets: { user: { [dimension]: 0 } } });
      const call = modelCall({ reasoning: { maxTokens: 10 } });
      expect(await errorOf(guard.run((run) => run.begin(call)))).toBeInstanceOf(BudgetExceededError);
    }
  });

  it('says on refusal which scope and dimension, how much, and when to come back, and shows no id in its message', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 1, window: 'day' } } });
    await spend(guard, { scopes: { user: 'alice' } });
    const error = (await errorOf(spend(guard, { scopes: { user: 'alice' } }))) as BudgetExceededError;
    expect(error.code).toBe('budget_exceeded');
    expect(error.halt).toMatchObject({
      cause: 'budget',
      step: 0,
      denial: {
        tenant: 'default',
        scope: 'user',
        id: 'alice',
        dimension: 'steps',
        limit: 1,
        used: 1,
        held: 0,
        asked: 1,
        resetsAt: Date.UTC(2026, 0, 16),
      },
    });
    expect(error.message).toBe('user budget exceeded: steps 1 used, 1 asked, of 1; it resets at 2026-01-16T00:00:00.000Z');
    expect(error.report.halt).toEqual(error.halt);
  });

  it('of money is told in dollars', async () => {
    const guard = createGuard({ tools: { search: { usd: 0.3 } }, budgets: { run: { usd: 0.5 } } });
    const error = await errorOf(
      guard.run(async (run) => {
        await run.step(toolCall(), () => ({ output: 1 }));
        await run.step(toolCall({ args: 2 }), () => ({ output: 2 }));
      }),
    );
    expect((error as BudgetExceededError).halt.denial).toMatchObject({
      dimension: 'usd',
      limit: 0.5,
      used: 0.3,
      asked: 0.3,
      resetsAt: null,
    });
    expect((error as Error).message).toContain('usd $0.3 used, $0.3 asked, of $0.5');
  });
});

describe('every scope', () => {
  it.each(['tenant', 'user', 'feature', 'session', 'project'] as const)('counts each id of %s apart', async (scope) => {
    const guard: AnyGuard = createGuard({ budgets: { [scope]: { steps: 2 } } });
    const as = (id: string) => () => spend(guard, { scopes: { [scope]: id } });
    expect(await countUntilRefused(as('one'))).toBe(2);
    expect(await countUntilRefused(as('two'))).toBe(2);
  });

  it('counts each run apart', async () => {
    const guard = createGuard({ budgets: { run: { steps: 1 } } });
    expect(await countUntilRefused(() => spend(guard), 5)).toBe(5);
  });

  it('keeps tenants apart, all but the global scope', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1 }, global: { steps: 3 } } });
    await spend(guard, { scopes: { tenant: 'a', user: 'u' } });
    await spend(guard, { scopes: { tenant: 'b', user: 'u' } });
    await expect(spend(guard, { scopes: { tenant: 'a', user: 'u' } })).rejects.toThrow('user budget');
    await spend(guard, { scopes: { tenant: 'c', user: 'u' } });
    await expect(spend(guard, { scopes: { tenant: 'd', user: 'u' } })).rejects.toThrow('global budget');
    expect((await guard.read('global')).used.steps).toBe(3);
  });

  it('holds nothing anywhere when one account of several refuses', async () => {
    const guard = createGuard({ budgets: { user: { steps: 5 }, session: { steps: 0 }, global: { steps: 5 } } });
    await errorOf(spend(guard, { scopes: { user: 'u', session: 's' } }));
    for (const reading of [await guard.read('user', 'u'), await guard.read('global')]) {
      expect(reading.held.steps).toBe(0);
      expect(reading.used.steps).toBe(0);
    }
  });
});

describe('windows', () => {
  it('of a calendar day in a time zone end at midnight there', async () => {
    const clock = fakeClock(Date.UTC(2026, 0, 15, 22, 59));
    const guard = createGuard({ clock, budgets: { user: { steps: 1, window: { every: 'day', timeZone: 'Europe/Berlin' } } } });
    await spend(guard);
    await expect(spend(guard)).rejects.toThrow('it resets at 2026-01-15T23:00:00.000Z');
    clock.advance(60_000);
    await expect(spend(guard)).resolves.toBe('ok');
  });

  it('that roll give room back bit by bit', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 2, window: { rolling: '1h' } } } });
    await spend(guard);
    clock.advance(30 * 60_000);
    await spend(guard);
    await expect(spend(guard)).rejects.toBeInstanceOf(BudgetExceededError);
    clock.advance(31 * 60_000);
    expect(await countUntilRefused(() => spend(guard))).toBe(1);
  });

  it('of a lifetime never end', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 1 } } });
    await spend(guard);
    clock.advance(29 * 86_400_000);
    await expect(spend(guard)).rejects.toBeInstanceOf(BudgetExceededError);
  });

  it('settle a step in the window in which it began', async () => {
    const clock = fakeClock(Date.UTC(2026, 0, 15, 23, 59, 59));
    const guard = createGuard({ clock, budgets: { user: { steps: 1, window: 'day' } } });
    const run = guard.start();
    const step = await run.begin(toolCall());
    clock.advance(2_000);
    await step.end({ output: 'late' });
    expect((await guard.read('user')).used.steps).toBe(0);
    await run.end();
  });
});

describe('missing ids', () => {
  it('use one shared account, and that is told once', async () => {
    const guard = createGuard({ budgets: { user: { steps: 2 }, feature: { steps: 100 }, tenant: { steps: 100 } } });
    const events = logEvents(guard);
    await spend(guard);
    await spend(guard, { scopes: { user: '' } });
    await expect(spend(guard, { scopes: { user: undefined } })).rejects.toThrow('user budget');
    expect(events.of('scope:missing').toSorted((a, b) => a.scope.localeCompare(b.scope))).toEqual([
      { scope: 'feature', account: 'default' },
      { scope: 'tenant', account: 'default' },
      { scope: 'user', account: 'anonymous' },
    ]);
    expect((await guard.read('user')).id).toBe('anonymous');
    expect((await guard.read('feature')).used.steps).toBe(2);
  });

  it('are refused where the scope is required, at a run inside too', async () => {
    const guard = createGuard({ requireScopes: ['user'], budgets: { user: { steps: 2 } } });
    const error = (await errorOf(spend(guard))) as InvalidOptionError;
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.issues[0]).toMatchObject({ path: 'scopes.user', message: expect.stringContaining("user: '…'") });
    await guard.run({ scopes: { user: 'u' } }, () => spend(guard));
    expect((await guard.read('user', 'u')).used.steps).toBe(1);
  });
});
