import { createGuard, dimensions, memoryStore, type PublicAmounts, type Run, type Step, type UsageReport } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { errorOf, logEvents, modelCall, prices, settleAll, toolCall, usage } from '../../support/guards.ts';

const minutes = 60_000;

/** A guard with one account that shows everything, a run and its events. */
function setUp(options: object = {}, run: Parameters<ReturnType<typeof createGuard>['start']>[0] = {}) {
  const clock = fakeClock();
  const guard = createGuard({
    clock,
    prices,
    loops: 'off',
    maxOutputTokens: 1_000,
    budgets: { user: { usd: 10, tokens: 1_000_000 } },
    ...options,
  });
  const events = logEvents(guard);
  return { clock, guard, events, run: guard.start(run), account: () => guard.read('user') };
}

const amounts = (given: Partial<PublicAmounts>): PublicAmounts =>
  ({ ...Object.fromEntries(dimensions.map((dimension) => [dimension, 0])), ...given }) as PublicAmounts;

async function bookedBy(act: (step: Step, run: Run) => Promise<void>, call = modelCall()) {
  const { run, account, events } = setUp();
  const step = await run.begin(call);
  const { held } = await account();
  await act(step, run);
  const after = await account();
  expect(after.held).toEqual(amounts({}));
  expect(run.report().used).toEqual(after.used);
  const [ended] = events.of('step:end');
  return { held, used: after.used, overage: after.overage, report: run.report(), ended: ended?.step, events };
}

describe('a step that ends', () => {
  it('is booked with exactly what was used', async () => {
    const { used, ended, report } = await bookedBy((step) => step.end({ text: 'hi' }, usage(100, 50, 20)));
    expect(used).toEqual(
      amounts({ usd: 0.0002, tokens: 150, inputTokens: 100, outputTokens: 50, reasoningTokens: 20, steps: 1, modelCalls: 1 }),
    );
    expect(ended).toMatchObject({ outcome: 'ok', isEstimated: false, isCached: false, attempts: 1, used, kind: 'model', name: 'm' });
    expect(report.models).toEqual({ m: { calls: 1, usage: usage(100, 50, 20), usd: 0.0002 } });
  });

  it('is booked with its hold, and marked so, when nobody says what it used', async () => {
    for (const report of [undefined, {}, { inputTokens: undefined }]) {
      const { held, used, ended, report: run } = await bookedBy((step) => step.end({ text: 'hi' }, report));
      expect(held.outputTokens).toBe(1_000);
      expect(used).toEqual(held);
      expect(ended?.isEstimated).toBe(true);
      expect(run.estimatedSteps).toBe(1);
    }
  });

  it('takes an explicit 0 for a 0', async () => {
    const { used, ended } = await bookedBy((step) => step.end({ text: '' }, usage(0, 0)));
    expect(used).toEqual(amounts({ steps: 1, modelCalls: 1 }));
    expect(ended?.isEstimated).toBe(false);
  });

  it('takes from the hold what a report leaves out, and marks it so', async () => {
    const { held, used, ended } = await bookedBy((step) => step.end({}, { inputTokens: 7 }));
    expect(used).toMatchObject({ inputTokens: 7, outputTokens: held.outputTokens });
    expect(ended?.isEstimated).toBe(true);
  });

  it.each<[string, UsageReport]>([
    ['more reasoning than output', { inputTokens: 1, outputTokens: 5, reasoningTokens: 6 }],
    ['more cached input than input', { inputTokens: 1, cachedInputTokens: 2, outputTokens: 1 }],
    ['negative amounts', { inputTokens: -1, outputTokens: 1 }],
    ['fractions', { inputTokens: 1.5, outputTokens: 1 }],
    ['no numbers', { inputTokens: Number.NaN, outputTokens: 1 }],
    ['texts', { inputTokens: '12' as never, outputTokens: 1 }],
    ['negative money', { ...usage(1, 1), usd: -1 }],
    ['more money than can be counted', { ...usage(1, 1), usd: 1e300 }],
    ['more money than an account can hold', { ...usage(1, 1), usd: 1e9 }],
    ['more tokens than can be counted', { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER }],
  ])('is booked with its hold, and tells of it, when the report contradicts itself: %s', async (_, report) => {
    const { held, used, events, ended } = await bookedBy((step) => step.end({}, report));
    expect(used).toEqual(held);
    expect(ended?.isEstimated).toBe(true);
    expect(events.of('usage:invalid')).toMatchObject([{ step: 0, problem: expect.any(String) }]);
  });

  it('costs what the provider says, where it says so', async () => {
    expect((await bookedBy((step) => step.end({}, { ...usage(100, 50), usd: 0.5 }))).used.usd).toBe(0.5);
    expect((await bookedBy((step) => step.end({}, { ...usage(100, 50), usd: 0 }))).used.usd).toBe(0);
  });

  it('costs nothing but the step when a cache of the host answered', async () => {
    const { used, ended } = await bookedBy((step) => step.end({ text: 'hi', cached: true }, usage(100, 50)));
    expect(used).toEqual(amounts({ steps: 1 }));
    expect(ended).toMatchObject({ isCached: true, isEstimated: false });
  });

  it('costs what the model that answered costs, and is listed under its name', async () => {
    const { run, account } = setUp({ prices: { ...prices, dear: { input: 10, output: 20 } } });
    const step = await run.begin(modelCall());
    await step.end({ text: 'hi', model: 'dear' }, usage(100, 50));
    expect((await account()).used.usd).toBe(0.002);
    expect(Object.keys(run.report().models)).toEqual(['dear']);
  });

  it('books what was used above its hold as overage', async () => {
    const { used, overage, held, report } = await bookedBy((step) => step.end({}, usage(10, 5_000)));
    expect(used.outputTokens).toBe(5_000);
    expect(overage.outputTokens).toBe(5_000 - held.outputTokens);
    expect(report.overage).toEqual(overage);
  });

  it('ends once: what comes after is not heard', async () => {
    const { used, events } = await bookedBy(async (step, run) => {
      await step.end({}, usage(10, 10));
      await step.end({}, usage(999, 999));
      await step.fail(new Error('late'));
      await step.release();
      expect(step.isOpen).toBe(false);
      expect(run.report().used.steps).toBe(1);
    });
    expect(used.tokens).toBe(20);
    expect(events.of('step:end')).toHaveLength(1);
  });

  it('is not booked twice when its run has ended before it', async () => {
    const { run, account } = setUp();
    const step = await run.begin(modelCall());
    await run.end();
    const { used } = await account();
    await step.end({}, usage(999, 999));
    expect((await account()).used).toEqual(used);
    expect(run.isEnded).toBe(true);
  });
});

describe('a step that fails', () => {
  const refused = amounts({ steps: 1, modelCalls: 1 });

  it.each([
    ['a refusal of the provider', Object.assign(new Error('bad request'), { status: 400 })],
    ['a refusal that the host wrapped', new Error('wrapped', { cause: Object.assign(new Error('slow down'), { statusCode: 429 }) })],
    ['a connection that was refused', new Error('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) })],
  ])('by %s counts as a call and costs no tokens', async (_, error) => {
    const { used, ended } = await bookedBy((step) => step.fail(error));
    expect(used).toEqual(refused);
    expect(ended).toMatchObject({ outcome: 'error', isEstimated: false });
  });

  it('for a reason that says nothing is booked with its input, for it may have been billed', async () => {
    for (const error of [new Error('socket hang up'), undefined, 'text', null]) {
      const { used, ended } = await bookedBy((step) => step.fail(error));
      expect(used.inputTokens).toBeGreaterThan(0);
      expect(used.outputTokens).toBe(0);
      expect(used.steps).toBe(1);
      expect(ended?.isEstimated).toBe(true);
    }
  });

  it('in the middle of a stream is booked with what had streamed', async () => {
    const { used } = await bookedBy(async (step) => {
      await step.stream('one two three four five');
      await step.fail(new DOMException('aborted', 'AbortError'));
    });
    expect(used.outputTokens).toBeGreaterThan(3);
    expect(used.outputTokens).toBeLessThan(20);
  });

  it('is booked with its usage where that is known', async () => {
    expect((await bookedBy((step) => step.fail(new Error('cut'), usage(30, 12)))).used.tokens).toBe(42);
  });

  it('because its run was halted under way is booked with its input', async () => {
    const { used } = await bookedBy(async (step, run) => {
      const error = run.halt();
      await step.fail(error);
    });
    expect(used.inputTokens).toBeGreaterThan(0);
  });

  it('because a guard further in refused the call gives the hold back', async () => {
    const inner = createGuard({ budgets: { run: { modelCalls: 0 } } });
    const { run, account, events } = setUp();
    await errorOf(run.step(modelCall(), async () => ({ output: await inner.run((own) => own.begin(modelCall())) })));
    expect((await account()).used).toEqual(amounts({}));
    expect((await account()).held).toEqual(amounts({}));
    expect(events.of('step:end')).toMatchObject([{ step: { outcome: 'released', used: amounts({}) } }]);
  });

  it('as a tool counts as a tool call', async () => {
    const { used, report } = await bookedBy((step) => step.fail(new Error('no such file')), toolCall() as never);
    expect(used).toEqual(amounts({ steps: 1, toolCalls: 1 }));
    expect(report.tools['search']?.calls).toBe(1);
  });
});

describe('a step that is released', () => {
  it('gives its hold back and counts as nothing', async () => {
    const { used, ended, report } = await bookedBy((step) => step.release());
    expect(used).toEqual(amounts({}));
    expect(ended).toMatchObject({ outcome: 'released' });
    expect(report.models).toEqual({});
  });

  it('is booked all the same when a door inside knows of a bill', async () => {
    const { run, account } = setUp();
    const outer = await run.begin(modelCall());
    const inner = await outer.within(() => run.begin(modelCall()));
    await inner.end({}, usage(10, 10));
    await outer.release();
    expect((await account()).used.tokens).toBe(20);
    await run.end();
  });
});

describe('run.step', () => {
  it('gives what the work gives, and hands it the offer and the signal', async () => {
    const { run } = setUp();
    const output = await run.step(modelCall(), (offer, signal) => {
      expect(offer).toMatchObject({ kind: 'call', call: { model: 'm' }, rungs: [] });
      expect(signal).toBe(run.signal);
      return { output: { deep: true }, usage: usage(1, 1) };
    });
    expect(output).toEqual({ deep: true });
  });

  it('rejects with the very error of the work', async () => {
    const { run, account } = setUp();
    const error = new TypeError('mine');
    expect(
      await errorOf(
        run.step(modelCall(), () => {
          throw error;
        }),
      ),
    ).toBe(error);
    expect((await account()).held).toEqual(amounts({}));
  });

  it('rejects with the error of the halt when the work failed because of it', async () => {
    const { run } = setUp();
    let halted: unknown;
    const error = await errorOf(
      run.step(toolCall(), async () => {
        halted = run.halt();
        throw new Error('whatever the host made of it');
      }),
    );
    expect(error).toBe(halted);
  });

  it('gives the output of work that ended well although the run was halted meanwhile, and begins nothing more', async () => {
    const { run } = setUp();
    expect(await run.step(toolCall(), () => (run.halt(), { output: 'done' }))).toBe('done');
    await expect(run.begin(toolCall())).rejects.toBe(run.haltError);
  });

  it('closes the step when the work gives nothing that could be read', async () => {
    const { run, account } = setUp();
    await expect(run.step(toolCall(), () => undefined as never)).rejects.toBeInstanceOf(TypeError);
    expect((await account()).held.steps).toBe(0);
  });
});

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

describe('an abort from outside', () => {
  it('begins no further step and keeps its own reason', async () => {
    const controller = new AbortController();
    const { run, guard } = setUp({}, { signal: controller.signal });
    const reason = new Error('the caller has gone');
    controller.abort(reason);
    expect(run.signal.reason).toBe(reason);
    expect(await errorOf(run.begin(toolCall()))).toBe(reason);
    expect(run.halted).toBeUndefined();
    expect(guard.lastHalt()).toBeUndefined();
    await run.end();
  });

  it('that came before the run is no different', async () => {
    const { run } = setUp({}, { signal: AbortSignal.abort(new Error('too late')) });
    await expect(run.begin(toolCall())).rejects.toThrow('too late');
    await settleAll();
  });
});
