import { createGuard, memoryStore } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, toolCall, usage } from '../../support/guards.ts';
import { setUp } from '../../support/one-step.ts';

const minutes = 60_000;

describe('steps that nobody ends', () => {
  it('are given up after a long silence, and the run goes on', async () => {
    const { run, clock, account, events } = setUp();
    await run.begin(modelCall());
    clock.advance(15 * minutes);
    expect((await account()).held.steps).toBe(1);
    clock.advance(1 * minutes);
    expect((await account()).held.steps).toBe(0);
    expect((await account()).used).toMatchObject({ steps: 1, modelCalls: 1, outputTokens: 0 });
    expect(events.of('step:end')).toMatchObject([{ step: { outcome: 'error', isEstimated: true } }]);
    await run.begin(toolCall());
    await run.end();
  });

  it('are not given up while they stream', async () => {
    const { run, clock } = setUp();
    const step = await run.begin(modelCall());
    for (let minute = 0; minute < 60; minute += 10) {
      clock.advance(10 * minutes);
      await step.stream('more ');
    }
    expect(step.isOpen).toBe(true);
    await step.end({}, usage(1, 1));
  });

  it('are booked with what streamed when their run ends', async () => {
    const { run, account, events } = setUp();
    const step = await run.begin(modelCall());
    await step.stream('one two three');
    await run.end();
    expect((await account()).used.outputTokens).toBeGreaterThan(0);
    expect(step.isOpen).toBe(false);
    expect(events.names.slice(-2)).toEqual(['step:end', 'run:end']);
  });
});

describe('holds', () => {
  it('live as long as their steps', async () => {
    const { run, clock, account } = setUp({ holdTtl: '30s' });
    const step = await run.begin(modelCall());
    for (let beat = 0; beat < 40; beat += 1) {
      clock.advance(10_000);
      expect((await account()).held.steps).toBe(1);
    }
    await step.end({}, usage(1, 1));
    expect(clock.waiting).toBeLessThanOrEqual(1);
  });

  it('of a worker that died expire by themselves, and a late settlement is still booked', async () => {
    const clock = fakeClock();
    const store = memoryStore({ now: clock.now });
    const budgets = { user: { steps: 1 } };
    // The timers of a dead worker no longer fire.
    const dead = createGuard({ store, budgets, clock: { ...clock, now: clock.now, setTimeout: () => undefined, clearTimeout: () => {} } });
    const alive = createGuard({ store, budgets, clock });
    const step = await dead.start().begin(toolCall());
    await expect(alive.run((run) => run.begin(toolCall()))).rejects.toThrow('1 held by steps in flight');
    clock.advance(60_000);
    await alive.run(async (run) => (await run.begin(toolCall())).release());
    await step.end({});
    expect((await alive.read('user')).used.steps).toBe(1);
  });

  it('go on counting after their expiry where the budget says so', async () => {
    const clock = fakeClock();
    const store = memoryStore({ now: clock.now });
    const dead = createGuard({
      store,
      budgets: { user: { steps: 5 } },
      onExpire: 'charge',
      clock: { now: clock.now, setTimeout: () => undefined, clearTimeout: () => {} },
    });
    await dead.start().begin(toolCall());
    clock.advance(61_000);
    expect(await dead.read('user')).toMatchObject({ held: { steps: 0 }, unconfirmed: { steps: 1 }, remaining: { steps: 4 } });
  });
});

describe('a stream whose door cannot send a cap', () => {
  const words = (count: number): string => 'word '.repeat(count);

  it('takes further holds while there is room, and is booked once', async () => {
    const { run, account } = setUp({ maxOutputTokens: 50, budgets: { user: { outputTokens: 5_000 } } });
    const step = await run.begin(modelCall(), { canEdit: false });
    expect((await account()).held.outputTokens).toBe(50);
    await step.stream(words(200));
    expect((await account()).held.outputTokens).toBeGreaterThanOrEqual(200);
    await step.end({}, usage(5, 210));
    expect(await account()).toMatchObject({
      used: { outputTokens: 210, steps: 1, modelCalls: 1 },
      held: { outputTokens: 0 },
      overage: { outputTokens: 0 },
    });
  });

  it('is cut with the error of the halt when nothing is left', async () => {
    const { run, account } = setUp({ maxOutputTokens: 50, minUseful: 10, budgets: { user: { outputTokens: 300 } } });
    const step = await run.begin(modelCall(), { canEdit: false });
    let sent = 0;
    const error = await errorOf(
      (async () => {
        for (; sent < 100; sent += 1) await step.stream(words(20));
      })(),
    );
    expect(error).toBe(run.haltError);
    expect(sent).toBeGreaterThan(10);
    expect(sent).toBeLessThan(20);
    await step.fail(error);
    const { used, held } = await account();
    expect(held.outputTokens).toBe(0);
    // One piece may pass the limit before it is counted.
    expect(used.outputTokens).toBeGreaterThanOrEqual(300);
    expect(used.outputTokens).toBeLessThan(350);
  });

  it('is not cut where the caller’s own cap holds, nor where output is not limited', async () => {
    const capped = setUp({ budgets: { user: { outputTokens: 100 } } });
    const step = await capped.run.begin(modelCall({ maxOutputTokens: 100 }), { canEdit: false });
    await step.stream(words(500));
    const free = setUp({ budgets: { user: { steps: 5 } } });
    await (await free.run.begin(modelCall(), { canEdit: false })).stream(words(5_000));
    expect(capped.run.halted ?? free.run.halted).toBeUndefined();
  });

  it('is cut at the next piece when its run was halted', async () => {
    const { run } = setUp();
    const step = await run.begin(modelCall());
    const error = run.halt();
    expect(() => step.stream('more')).toThrow(error);
  });
});
