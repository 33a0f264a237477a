import type { UsageReport } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, prices, settleAll, toolCall, usage } from '../../support/guards.ts';
import { amounts, bookedBy, setUp } from '../../support/one-step.ts';

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

  it.each([
    ['m-2024-07-18', 'm'],
    ['m-20250929', 'm'],
    ['m-0613', 'm'],
    ['m-latest', 'm'],
    ['m@20250514', 'm'],
    ['m-20250929-v1:0', 'm'],
    ['mo', 'mo'],
    ['m-pro', 'm-pro'],
    ['m-32k', 'm-32k'],
    ['m-1106-preview', 'm-1106-preview'],
  ])('that %s has answered is listed under %s', async (answering, listed) => {
    const { run } = setUp();
    const step = await run.begin(modelCall());
    await step.end({ text: 'hi', model: answering }, usage(100, 50));
    expect(Object.keys(run.report().models)).toEqual([listed]);
  });

  it.each([
    { maxOutputTokens: Number.NaN },
    { maxOutputTokens: 1.5 },
    { maxOutputTokens: -1 },
    { maxOutputTokens: Infinity },
    { n: Number.NaN },
    { n: 0.5 },
  ])('does not begin with %o, and holds nothing', async (more) => {
    const { run, account } = setUp();
    const error = await errorOf(run.begin(modelCall(more)));
    expect(error).toMatchObject({ code: 'invalid_option', issues: [{ path: Object.keys(more)[0], value: Object.values(more)[0] }] });
    expect((await account()).held).toEqual(amounts({}));
    expect(run.report().halt).toBeUndefined();
  });

  it('teaches how long the input of such calls is, also where the provider does not say what it thought', async () => {
    const { run, guard } = setUp();
    const step = await run.begin(modelCall({ input: 'a question of some length. '.repeat(200), reasoning: { effort: 'high' } }));
    await step.end({ text: 'yes' }, { inputTokens: 3_000, outputTokens: 400 });
    expect(guard.billedRatios()).toMatchObject([{ model: 'm', observations: 1 }]);
    expect(guard.billedRatios()[0]?.ratio).toBeGreaterThan(2);
    expect(run.report().estimatedSteps).toBe(1);
  });

  it('teaches nothing where what is told of it contradicts itself', async () => {
    const { run, guard } = setUp();
    const step = await run.begin(modelCall({ input: 'a question of some length. '.repeat(200) }));
    await step.end({ text: 'yes' }, { inputTokens: 5, cachedInputTokens: 10, outputTokens: 1 });
    expect(guard.billedRatios()).toEqual([]);
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
