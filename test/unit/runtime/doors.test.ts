import type { Step } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, prices, toolCall, usage } from '../../support/guards.ts';
import { setUp } from '../../support/one-step.ts';

describe('doors on one call', () => {
  it('join the step that is open around them', async () => {
    const { run, guard, account, events } = setUp();
    await run.step(modelCall(), async () => {
      const inner = await run.begin(modelCall());
      expect(inner).toMatchObject({ isJoined: true, index: 0 });
      expect(guard.current()?.step?.id).toBe(inner.id);
      await inner.end({ text: 'hi', model: 'm' }, usage(100, 50));
      return { output: 'hi' };
    });
    expect((await account()).used).toMatchObject({ tokens: 150, steps: 1, modelCalls: 1 });
    expect(events.of('step:start')).toHaveLength(1);
    expect(events.of('step:end')).toMatchObject([{ step: { attempts: 1, isEstimated: false } }]);
  });

  it('see one attempt, however many there are and whether or not they have names', async () => {
    const ways: (string | undefined)[][] = [
      [undefined, undefined],
      ['k', 'k'],
      [undefined, 'k'],
      ['k', undefined],
      ['k', 'k', undefined],
      [undefined, undefined, 'k'],
    ];
    for (const keys of ways) {
      const { run, account } = setUp();
      const outer = await run.begin(modelCall());
      const doors: Step[] = [];
      for (const key of keys) doors.push(await outer.within(() => run.begin(modelCall(), key === undefined ? {} : { key })));
      expect((await account()).held.modelCalls).toBe(1);
      for (const door of doors.toReversed()) await door.end({}, usage(10, 10));
      await outer.end({}, usage(10, 10));
      expect((await account()).used, JSON.stringify(keys)).toMatchObject({ steps: 1, modelCalls: 1, tokens: 20 });
    }
  });

  it('know the call by any of its names', async () => {
    const { run, account } = setUp();
    const outer = await run.begin(modelCall(), { key: 'outer' });
    for (const key of ['inner', 'inner', 'outer']) await outer.within(() => run.begin(modelCall(), { key }));
    expect((await account()).held.modelCalls).toBe(1);
    await run.end();
  });

  it('make a further attempt with a hold of its own when the host tries again', async () => {
    const { run, account, events } = setUp();
    await run.step(modelCall(), async () => {
      const first = await run.begin(modelCall(), { key: 'first' });
      await first.fail(Object.assign(new Error('overloaded'), { status: 529 }));
      const second = await run.begin(modelCall(), { key: 'second' });
      expect((await account()).held).toMatchObject({ steps: 1, modelCalls: 2, outputTokens: 2_000 });
      await second.end({}, usage(100, 50));
      return { output: 'hi' };
    });
    expect((await account()).used).toMatchObject({ steps: 1, modelCalls: 2, tokens: 150 });
    expect(events.of('step:end')).toMatchObject([{ step: { attempts: 2 } }]);
    expect(run.report()).toMatchObject({ used: { steps: 1 }, models: { m: { calls: 2 } } });
  });

  it('are refused a further attempt when there is no budget for it', async () => {
    const { run } = setUp({ budgets: { user: { modelCalls: 1 } } });
    const error = await errorOf(
      run.step(modelCall(), async () => {
        const first = await run.begin(modelCall());
        await first.fail(Object.assign(new Error('overloaded'), { status: 529 }));
        await run.begin(modelCall());
        return { output: 'never' };
      }),
    );
    expect(error).toMatchObject({ code: 'budget_exceeded', halt: { denial: { dimension: 'modelCalls' } } });
  });

  it('lose nothing of what one of them knows', async () => {
    const { run, events } = setUp({ prices: { ...prices, other: { input: 3, output: 3 } } });
    await run.step(modelCall(), async () => {
      const inner = await run.begin(modelCall());
      await inner.end({ text: 'hi', model: 'other' }, usage(100, 100));
      return { output: 'hi', usage: {} };
    });
    expect(events.of('step:end')).toMatchObject([{ step: { name: 'other', used: { usd: 0.0006 }, isEstimated: false } }]);
  });

  it('join a tool of the same name and id, and no other', async () => {
    const { run, account } = setUp();
    const outer = await run.begin(toolCall({ id: 'call_1' }));
    const inside = (more: object): Promise<Step> => outer.within(() => run.begin(toolCall(more)));
    expect((await inside({ id: 'call_1' })).isJoined).toBe(true);
    expect((await inside({})).isJoined).toBe(true);
    expect((await inside({ id: 'call_2' })).isJoined).toBe(false);
    expect((await inside({ name: 'fetch', id: 'call_1' })).isJoined).toBe(false);
    expect((await outer.within(() => run.begin(modelCall()))).isJoined).toBe(false);
    await run.end();
    expect((await account()).used).toMatchObject({ toolCalls: 3, modelCalls: 1, steps: 4 });
  });

  it('do not join a step of another run, or one that has ended', async () => {
    const { run, guard } = setUp();
    const outer = await run.begin(modelCall());
    await outer.within(async () => {
      const other = guard.start({ parent: null });
      expect((await other.begin(modelCall())).isJoined).toBe(false);
      await other.end();
      await outer.end({}, usage(1, 1));
      expect((await run.begin(modelCall())).isJoined).toBe(false);
    });
    await run.end();
  });
});

describe('a reservation id that comes again', () => {
  it('counts once when the first has ended', async () => {
    const { run, account, guard } = setUp();
    const first = await run.begin(modelCall(), { id: 'checkpoint:7' });
    await first.end({}, usage(10, 10));
    const again = await run.begin(modelCall(), { id: 'checkpoint:7' });
    await again.end({}, usage(10, 10));
    expect((await account()).used).toMatchObject({ steps: 1, tokens: 20 });
    expect(run.report()).toMatchObject({ used: { steps: 1, tokens: 20 }, models: { m: { calls: 1 } } });
    await guard.close();
  });

  it('counts once when the first was never ended', async () => {
    const { run, account, guard } = setUp();
    await run.begin(modelCall(), { id: 'checkpoint:7' });
    const again = await guard.start({ parent: null }).begin(modelCall(), { id: 'checkpoint:7' });
    expect((await account()).held.modelCalls).toBe(1);
    await again.end({}, usage(10, 10));
    await run.end();
    expect((await account()).used).toMatchObject({ steps: 1, modelCalls: 1, tokens: 20 });
    await guard.close();
  });
});
