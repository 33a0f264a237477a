import { BudgetExceededError, createGuard, type RunOptions } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, prices, toolCall, usage } from '../../support/guards.ts';
import { spend } from '../../support/spending.ts';

describe('a run’s own limits', () => {
  it('tighten, and never widen, those of the guard', async () => {
    const guard = createGuard({ budgets: { run: { steps: 3 }, user: { steps: 4 } } });
    const stepsOf = (budgets: RunOptions<never>['budgets'], user: string): Promise<number> =>
      guard.run({ budgets, scopes: { user } }, async (run) => {
        let done = 0;
        try {
          for (; done < 9; done += 1) await run.step(toolCall({ args: done }), () => ({ output: done }));
        } catch {
          // Refused: that many were granted.
        }
        return done;
      });
    expect(await stepsOf({ run: { steps: 2 } }, 'a')).toBe(2);
    expect(await stepsOf({ run: { steps: 9 } }, 'b')).toBe(3);
    expect(await stepsOf({ user: { steps: 1 } }, 'c')).toBe(1);
    expect(await stepsOf({ user: { steps: 9 }, run: { steps: 9 } }, 'd')).toBe(3);
  });

  it('bind their own run and no other of the same account', async () => {
    const guard = createGuard({ budgets: { session: { steps: 10 } } });
    const scopes = { session: 's' };
    await expect(spend(guard, { scopes, budgets: { session: { steps: 0 } } })).rejects.toThrow('session budget');
    await expect(spend(guard, { scopes })).resolves.toBe('ok');
    await expect(spend(guard, { scopes, budgets: { session: { steps: 1 } } })).rejects.toThrow('session budget');
    expect((await guard.read('session', 's')).limits).toEqual({ steps: 10 });
  });

  it('may limit a scope that the guard does not limit', async () => {
    const guard = createGuard();
    const options = { scopes: { session: 's' }, budgets: { session: { steps: 2 } } };
    await spend(guard, options);
    await spend(guard, options);
    await expect(spend(guard, options)).rejects.toThrow('session budget');
  });

  it('hold a session’s reasoning tokens per run', async () => {
    const guard = createGuard({ prices });
    const think5 = (): Promise<unknown> =>
      guard.run({ scopes: { session: 's' }, budgets: { session: { reasoningTokens: 5 } } }, (run) =>
        run.step(modelCall({ reasoning: { maxTokens: 3 } }), () => ({ output: 1, usage: usage(10, 10, 3) })),
      );
    await think5();
    await think5();
    expect(((await errorOf(think5())) as BudgetExceededError).halt.denial).toMatchObject({
      dimension: 'reasoningTokens',
      used: 6,
      limit: 5,
    });
  });

  it('have a headroom and alerts of their own', async () => {
    const guard = createGuard({ prices });
    const events = logEvents(guard);
    const run = guard.start({ budgets: { run: { tokens: 1_000, headroom: 0.5, alertAt: [0.3] } } });
    await run.step(modelCall(), () => ({ output: 1, usage: usage(150, 0) }));
    expect((await guard.read('run', run.id)).used.tokens).toBe(150);
    expect(events.of('budget:alert')).toMatchObject([{ scope: 'run', dimension: 'tokens', threshold: 0.3, used: 150, limit: 500 }]);
    await run.end();
  });
});

describe('runs inside runs', () => {
  it('draw on the run around them, and are numbered and reported with it', async () => {
    const guard = createGuard({ budgets: { run: { steps: 3 } } });
    const report = await guard.run(async (outer) => {
      await outer.step(toolCall(), () => ({ output: 1 }));
      await guard.run(async (inner) => {
        expect(inner.parentId).toBe(outer.id);
        await inner.step(toolCall({ args: 2 }), () => ({ output: 2 }));
        await inner.step(toolCall({ args: 3 }), () => ({ output: 3 }));
        expect(inner.report().used.steps).toBe(2);
        expect(await errorOf(inner.begin(toolCall()))).toMatchObject({ halt: { runId: inner.id, denial: { scope: 'run', id: outer.id } } });
      });
      return outer.report();
    });
    expect(report.used.steps).toBe(3);
  });

  it('have limits of their own, which end them and not the run around them', async () => {
    const guard = createGuard({ budgets: { run: { steps: 10 } } });
    await guard.run(async (outer) => {
      const error = await errorOf(
        guard.run({ budgets: { run: { steps: 1 } } }, async (inner) => {
          await inner.step(toolCall(), () => ({ output: 1 }));
          await inner.step(toolCall({ args: 2 }), () => ({ output: 2 }));
        }),
      );
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect(outer.halted).toBeUndefined();
      await outer.step(toolCall({ args: 3 }), () => ({ output: 3 }));
      expect(outer.report().used.steps).toBe(2);
    });
  });

  it('share what is left fairly by arithmetic when they work in parallel', async () => {
    const guard = createGuard({ budgets: { run: { steps: 7 } } });
    let granted = 0;
    await guard.run(async () => {
      const child = (name: string): Promise<void> =>
        guard.run({ budgets: { run: { steps: 3 } } }, async (inner) => {
          for (let index = 0; index < 5; index += 1) {
            await inner.step(toolCall({ args: name + index }), async () => ({ output: index }));
            granted += 1;
          }
        });
      await Promise.allSettled(['a', 'b', 'c', 'd'].map(child));
    });
    expect(granted).toBe(7);
  });

  it('are bound by what the run around them set for shared scopes', async () => {
    const guard = createGuard({ budgets: { user: { steps: 10 } } });
    await guard.run({ budgets: { user: { steps: 1 } } }, async () => {
      await guard.run({ budgets: { user: { steps: 5 } } }, async (inner) => {
        await inner.step(toolCall(), () => ({ output: 1 }));
        expect(await errorOf(inner.begin(toolCall()))).toMatchObject({ halt: { denial: { scope: 'user', limit: 1 } } });
      });
    });
  });

  it('are stopped with the run around them, with the very same error', async () => {
    const guard = createGuard();
    await errorOf(
      guard.run(async (outer) => {
        const inner = guard.start();
        const error = outer.halt('enough');
        expect(inner.signal.aborted).toBe(true);
        expect(inner.signal.reason).toBe(error);
        expect(await errorOf(inner.begin(toolCall()))).toBe(error);
        throw error;
      }),
    );
  });

  it('still draw on its budget when it has ended before them', async () => {
    const guard = createGuard({ budgets: { run: { steps: 3 } } });
    const inner = await guard.run(async (outer) => {
      await outer.step(toolCall(), () => ({ output: 1 }));
      return guard.start({ parent: outer });
    });
    await inner.step(toolCall({ args: 2 }), () => ({ output: 2 }));
    await inner.step(toolCall({ args: 3 }), () => ({ output: 3 }));
    expect(await errorOf(inner.begin(toolCall()))).toBeInstanceOf(BudgetExceededError);
    await inner.end();
  });

  it('are runs of their own with parent: null, and after the run around them has ended', async () => {
    const guard = createGuard({ budgets: { run: { steps: 1 } } });
    await guard.run(async (outer) => {
      await outer.step(toolCall(), () => ({ output: 1 }));
      await guard.run({ parent: null }, (own) => own.step(toolCall(), () => ({ output: 1 })));
      await outer.end();
      await guard.run(async (own) => {
        expect(own.parentId).toBeUndefined();
        expect((await own.begin(toolCall())).index).toBe(0);
        await own.end();
      });
    });
  });
});
