import { BudgetExceededError, createGuard } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, toolCall } from '../../support/guards.ts';
import { countUntilRefused, spend } from '../../support/spending.ts';

describe('limits per id', () => {
  it('come from a record, and leave the other dimensions as they are', async () => {
    const guard = createGuard({ budgets: { feature: { steps: 1, toolCalls: 5, per: { big: { steps: 9 } } } } });
    expect(await countUntilRefused(() => spend(guard, { scopes: { feature: 'small' } }))).toBe(1);
    expect(await countUntilRefused(() => spend(guard, { scopes: { feature: 'big' } }))).toBe(5);
  });

  it('are not found under names that every object has', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1, per: { alice: { steps: 2 } } } } });
    for (const user of ['constructor', 'toString', '__proto__'])
      expect(await countUntilRefused(() => spend(guard, { scopes: { user } }))).toBe(1);
  });

  it('come from a function that is told the scope and the tenant', async () => {
    const asked: unknown[] = [];
    const guard = createGuard({
      budgets: { user: { steps: 1, per: (id, context) => (asked.push([id, context]), id === 'vip' ? { steps: 3 } : undefined) } },
    });
    expect(await countUntilRefused(() => spend(guard, { scopes: { user: 'vip', tenant: 't' } }))).toBe(3);
    expect(await countUntilRefused(() => spend(guard, { scopes: { user: 'other' } }))).toBe(1);
    expect(asked).toEqual([
      ['vip', { scope: 'user', tenant: 't' }],
      ['other', { scope: 'user', tenant: 'default' }],
    ]);
  });

  it('come from a lookup that is asked once a minute, however many runs want to know', async () => {
    const clock = fakeClock();
    let asked = 0;
    let limit = 100;
    const guard = createGuard({ clock, budgets: { user: { steps: 1, per: async () => ((asked += 1), { steps: limit }) } } });
    await Promise.all([spend(guard), spend(guard), spend(guard)]);
    expect(asked).toBe(1);
    limit = 3;
    clock.advance(59_000);
    await spend(guard);
    expect(asked).toBe(1);
    clock.advance(2_000);
    await expect(spend(guard)).rejects.toBeInstanceOf(BudgetExceededError);
    expect(asked).toBe(2);
  });

  it('are looked up again within a run that lives longer than a minute', async () => {
    const clock = fakeClock();
    let limit = 10;
    const guard = createGuard({ clock, budgets: { user: { per: async () => ({ steps: limit }) } } });
    const run = guard.start();
    await run.step(toolCall(), () => ({ output: 1 }));
    limit = 1;
    clock.advance(61_000);
    expect(await errorOf(run.step(toolCall({ args: 2 }), () => ({ output: 2 })))).toBeInstanceOf(BudgetExceededError);
    await run.end();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no database');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no database');
      },
    ],
    ['answers nonsense', () => ({ steps: -5 }) as never],
    ['answers nonsense later', async () => 'many' as never],
  ])('fall back to the scope’s own when the lookup %s, and that is an event', async (_, per) => {
    const guard = createGuard({ budgets: { user: { steps: 2, per } } });
    const events = logEvents(guard);
    expect(await countUntilRefused(() => spend(guard))).toBe(2);
    expect(events.of('hook:error')).toEqual([{ hook: 'limits per user', error: expect.any(Error) }]);
  });

  it('fall back to the last good answer when a later lookup fails', async () => {
    const clock = fakeClock();
    let isDown = false;
    const per = (): { steps: number } => {
      if (isDown) throw new Error('no database');
      return { steps: 3 };
    };
    const guard = createGuard({ clock, budgets: { user: { steps: 1, per } } });
    await spend(guard);
    isDown = true;
    clock.advance(61_000);
    expect(await countUntilRefused(() => spend(guard))).toBe(2);
  });

  it('fall back when the lookup never answers, after two seconds', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { user: { steps: 1, per: () => new Promise<never>(() => {}) } } });
    const events = logEvents(guard);
    const spending = spend(guard);
    clock.advance(1_999);
    expect(events.of('hook:error')).toEqual([]);
    clock.advance(1);
    await expect(spending).resolves.toBe('ok');
    expect(events.of('hook:error')).toHaveLength(1);
  });
});
