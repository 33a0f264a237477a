import { createGuard } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { errorOf, modelCall, toolCall, usage } from '../../support/guards.ts';
import { amounts, bookedBy, setUp } from '../../support/one-step.ts';

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
