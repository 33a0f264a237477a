import { createGuard, UnpricedModelError } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, prices, usage } from '../../support/guards.ts';

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
