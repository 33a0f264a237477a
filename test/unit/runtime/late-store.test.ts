import { BudgetExceededError } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, settleAll, toolCall, usage } from '../../support/guards.ts';
import { refuseUnhandledRejections, setUp } from '../../support/shared-store.ts';

refuseUnhandledRejections();

describe('a store that answers later', () => {
  it('gives the same answers', async () => {
    const { guard, spend, events } = setUp({ budgets: { user: { steps: 3 } } });
    for (let index = 0; index < 3; index += 1) await spend(index);
    await expect(spend()).rejects.toBeInstanceOf(BudgetExceededError);
    expect((await guard.read('user')).used.steps).toBe(3);
    expect(events.of('budget:alert').map(({ threshold }) => threshold)).toEqual([0.5, 0.8, 0.95]);
    expect(events.of('store:error')).toEqual([]);
  });

  it('has everything written before run:end is told, the last step too', async () => {
    const { guard, store } = setUp({ budgets: { user: { steps: 10 } } });
    const { settle } = store;
    store.settle = async (request) => (await settleAll(), settle(request));
    let heldAtEnd: number | undefined;
    let usedAtEnd: number | undefined;
    guard.on('run:end', () => {
      const snapshot = store.inner.read({
        tenant: 'default',
        scope: 'user',
        id: 'anonymous',
        window: { kind: 'lifetime' },
        limits: {},
        alertAt: [],
        onExpire: 'release',
      });
      if (snapshot instanceof Promise) throw new Error('the inner store answers at once');
      [heldAtEnd, usedAtEnd] = [snapshot.held.steps, snapshot.settled.steps];
    });
    let background: Promise<unknown> | undefined;
    await guard.run((run) => {
      background = run.step(toolCall(), async () => (await settleAll(), { output: 1 }));
    });
    await background;
    await settleAll();
    await settleAll();
    await settleAll();
    expect([heldAtEnd, usedAtEnd]).toEqual([0, 1]);
  });

  it('starts nothing for a run that was halted or ended while it thought, and keeps no hold', async () => {
    for (const stop of ['halt', 'end'] as const) {
      const { guard } = setUp({ budgets: { user: { steps: 10 } } });
      const run = guard.start();
      const beginning = errorOf(run.begin(toolCall()));
      const stopped = run[stop]();
      expect(await beginning).toMatchObject({ code: stop === 'halt' ? 'halted_by_person' : 'run_ended' });
      await stopped;
      await settleAll();
      expect((await guard.read('user')).held.steps).toBe(0);
      await guard.close();
    }
  });

  it('may answer a further hold of a stream after the step has ended', async () => {
    const { guard } = setUp({ loops: 'off', budgets: { user: { outputTokens: 5_000 } } });
    const run = guard.start();
    const step = await run.begin(modelCall(), { canEdit: false });
    const growing = [1, 2, 3].map(() => step.stream('word '.repeat(150)));
    await step.end({}, usage(1, 450));
    await Promise.all(growing.map(async (each) => each));
    await run.end();
    expect(await guard.read('user')).toMatchObject({ held: { outputTokens: 0 }, used: { outputTokens: 450 } });
  });

  it('is asked for one further hold at a time, and cuts the stream when it refuses, awaited or not', async () => {
    const { guard, store } = setUp({ loops: 'off', minUseful: 1, budgets: { user: { outputTokens: 600 } } });
    const run = guard.start();
    const step = await run.begin(modelCall(), { canEdit: false });
    const before = store.calls['reserve'] ?? 0;
    const pieces = Array.from({ length: 10 }, () => step.stream('word '.repeat(20)));
    expect(store.calls['reserve'] ?? 0).toBeLessThanOrEqual(before + 1);
    await Promise.all(pieces.map(async (each) => each));
    // Nobody waits for these; the refusal comes at a later piece.
    let cut: unknown;
    for (let piece = 0; piece < 60 && !cut; piece += 1) {
      try {
        const unheard = step.stream('word '.repeat(20));
        expect(unheard instanceof Promise || unheard === undefined).toBe(true);
      } catch (error) {
        cut = error;
      }
      await settleAll();
    }
    expect(cut).toBe(run.haltError);
    await step.fail(cut);
    await run.end();
    expect((await guard.read('user')).held.outputTokens).toBe(0);
  });
});
