import {
  BudgetExceededError,
  createGuard,
  dimensions,
  InvalidOptionError,
  UnpricedModelError,
  type Guard,
  type RunOptions,
} from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, prices, toolCall, usage } from '../../support/guards.ts';

type AnyGuard = Guard<string, unknown>;

/** One tool step in a run of its own. */
const spend = (guard: AnyGuard, options: RunOptions<string> = {}): Promise<unknown> =>
  guard.run(options, (run) => run.step(toolCall(), () => ({ output: 'ok' })));

/** One model step with this usage, in a run of its own. */
const think = (guard: AnyGuard, used: ReturnType<typeof usage>, options: RunOptions<string> = {}): Promise<unknown> =>
  guard.run(options, (run) => run.step(modelCall({ reasoning: { maxTokens: 200 } }), () => ({ output: 'ok', usage: used })));

/** How many calls of a function succeed before the first refusal. */
async function countUntilRefused(act: () => Promise<unknown>, most = 50): Promise<number> {
  for (let done = 0; done < most; done += 1) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BudgetExceededError)) throw error;
      return done;
    }
  }
  return most;
}

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

describe('output caps', () => {
  const budgets = { user: { tokens: 10_000 } };

  it('are supplied where output is limited and the call has none', async () => {
    const capOf = async (options: object, call = modelCall()): Promise<number | undefined> => {
      const guard = createGuard({ prices, ...options });
      const step = await guard.start().begin(call);
      if (step.offer.kind !== 'call') throw new Error('expected a call');
      return step.offer.edits.maxOutputTokens;
    };
    expect(await capOf({ budgets })).toBe(4_096);
    expect(await capOf({ budgets, maxOutputTokens: 500 })).toBe(500);
    expect(await capOf({ budgets: { user: { usd: 5 } } })).toBe(4_096);
    expect(await capOf({ budgets: { user: { steps: 5 } } })).toBeUndefined();
    expect(await capOf({ budgets }, modelCall({ maxOutputTokens: 77 }))).toBeUndefined();
    expect(await capOf({ budgets: { user: { tokens: 1_000 } } }, modelCall({ maxOutputTokens: 5_000 }))).toBeLessThan(1_000);
  });

  it('shrink to what is left, and a call that would get less than is useful is refused', async () => {
    const guard = createGuard({ prices, budgets: { user: { outputTokens: 1_000 } }, minUseful: 300 });
    const capsAfter = async (used: number): Promise<number | undefined> => {
      const run = guard.start();
      const step = await run.begin(modelCall());
      await step.end({ text: 'x' }, usage(1, used));
      await run.end();
      return step.offer.kind === 'call' ? step.offer.edits.maxOutputTokens : undefined;
    };
    expect(await capsAfter(600)).toBe(1_000);
    expect(await capsAfter(150)).toBe(400);
    expect(await errorOf(capsAfter(0))).toMatchObject({ halt: { denial: { dimension: 'outputTokens', asked: 300, used: 750 } } });
  });

  it('are for each of several answers', async () => {
    const guard = createGuard({ prices, budgets: { user: { outputTokens: 1_000 } } });
    const step = await guard.start().begin(modelCall({ n: 3, maxOutputTokens: 500 }));
    expect(step.offer).toMatchObject({ edits: { maxOutputTokens: 333 } });
  });

  it('are sent when a limit comes up that was not configured', async () => {
    const guard = createGuard({ prices, budgets: { user: { steps: 100 } } });
    await guard.adjust('user', 'u', { outputTokens: 700 });
    const step = await guard.start({ scopes: { user: 'u' } }).begin(modelCall());
    expect(step.offer).toMatchObject({ edits: { maxOutputTokens: 700 } });
  });
});

describe('headroom', () => {
  it('is kept free of usd and tokens, and not of steps', async () => {
    const guard = createGuard({
      prices,
      headroom: 0.2,
      budgets: { user: { usd: 1, tokens: 1_000, steps: 10 }, session: { tokens: 1_000, headroom: 0.5 } },
    });
    expect((await guard.read('user', 'u')).limits).toEqual({ usd: 0.8, tokens: 800, steps: 10 });
    expect((await guard.read('session', 's')).limits).toEqual({ tokens: 500 });
  });

  it('is kept free of adjusted limits too, as the scope wants it', async () => {
    const guard = createGuard({ budgets: { session: { tokens: 1_000, headroom: 0.5 } } });
    expect((await guard.adjust('session', 's', { tokens: 2_000 })).limits).toEqual({ tokens: 1_000 });
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

describe('models without a known price', () => {
  it('are refused under a budget of money, with the way to give a price', async () => {
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const error = (await errorOf(guard.run((run) => run.begin(modelCall({ model: 'house-model' }))))) as UnpricedModelError;
    expect(error).toBeInstanceOf(UnpricedModelError);
    expect(error.message).toContain('createGuard({ prices: { "house-model": { input: 1, output: 4 } } })');
  });

  it('run without one where money is not limited, or where they are allowed to', async () => {
    const call = modelCall({ model: 'house-model' });
    for (const options of [{}, { allowUnpriced: true, budgets: { user: { usd: 1 } } }]) {
      const guard = createGuard(options);
      const report = await guard.run(async (run) => {
        await run.step(call, () => ({ output: 1, usage: usage(10, 10) }));
        return run.report();
      });
      expect(report).toMatchObject({ unpricedCalls: 1, used: { usd: 0, tokens: 20 } });
    }
  });
});
