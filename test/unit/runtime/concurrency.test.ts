import { AsyncLocalStorage } from 'node:async_hooks';
import { createGuard, type Guard, type Run, type Step } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { faultyStore } from '../../support/faulty-store.ts';
import { deferred, errorOf, modelCall, prices, settleAll, toolCall, usage, watchRejections } from '../../support/guards.ts';

/** Begins a model step and tells when it was let in. */
function knock(run: Run): { step: Promise<Step>; readonly isIn: boolean } {
  let isIn = false;
  const step = run.begin(modelCall());
  step.then(() => (isIn = true)).catch(() => {});
  return {
    step,
    get isIn() {
      return isIn;
    },
  };
}

/** Many calls of many runs at once; the most that were in flight, over all and per run. */
async function crowd(guard: Guard, runs: number, callsEach: number): Promise<{ most: number; mostOfOne: number; order: string[] }> {
  const inFlight = new Map<string, number>();
  const order: string[] = [];
  let most = 0;
  let mostOfOne = 0;
  const call = async (run: Run): Promise<void> => {
    await run.step(modelCall(), async () => {
      order.push(run.id);
      inFlight.set(run.id, (inFlight.get(run.id) ?? 0) + 1);
      most = Math.max(
        most,
        [...inFlight.values()].reduce((sum, count) => sum + count, 0),
      );
      mostOfOne = Math.max(mostOfOne, inFlight.get(run.id) ?? 0);
      await settleAll();
      inFlight.set(run.id, (inFlight.get(run.id) ?? 0) - 1);
      return { output: 1, usage: usage(1, 1) };
    });
  };
  await Promise.all(
    Array.from({ length: runs }, (_, index) =>
      guard.run({ id: `run${index}` }, (run) => Promise.all(Array.from({ length: callsEach }, () => call(run)))),
    ),
  );
  return { most, mostOfOne, order };
}

describe('model calls in flight', () => {
  it('are bounded for the guard', async () => {
    const { most, order } = await crowd(createGuard({ loops: 'off', concurrency: 3 }), 4, 5);
    expect(most).toBe(3);
    expect(order).toHaveLength(20);
  });

  it('are bounded for each run', async () => {
    const { most, mostOfOne, order } = await crowd(createGuard({ loops: 'off', concurrency: { run: 2 } }), 3, 5);
    expect(mostOfOne).toBe(2);
    expect(most).toBe(6);
    expect(order).toHaveLength(15);
  });

  it('are bounded for both at once', async () => {
    const { most, mostOfOne, order } = await crowd(createGuard({ loops: 'off', concurrency: { guard: 3, run: 2 } }), 3, 5);
    expect(mostOfOne).toBe(2);
    expect(most).toBe(3);
    expect(order).toHaveLength(15);
  });

  it('are not bounded by default, and tools never', async () => {
    const guard = createGuard({ concurrency: 1 });
    const run = guard.start();
    const tools = await Promise.all([1, 2, 3].map((args) => run.begin(toolCall({ args }))));
    expect(tools).toHaveLength(3);
    expect((await crowd(createGuard({ loops: 'off' }), 2, 10)).most).toBe(20);
    await run.end();
  });

  it('take turns over runs, so that a run with many calls does not crowd out one with few', async () => {
    const guard = createGuard({ concurrency: 1, loops: 'off' });
    const [busy, small] = [guard.start({ id: 'busy' }), guard.start({ id: 'small' })];
    const order: string[] = [];
    const call = (run: Run): Promise<void> => run.step(modelCall(), async () => ({ output: void order.push(run.id) }));
    const calls = [...Array.from({ length: 6 }, () => call(busy)), call(small), call(small)];
    await Promise.all(calls);
    expect(order.slice(0, 5)).toEqual(['busy', 'busy', 'small', 'busy', 'small']);
    expect(order.filter((id) => id === 'busy')).toHaveLength(6);
  });

  it('work in the context of their own caller', async () => {
    const guard = createGuard({ concurrency: 1 });
    const context = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const asTenant = (tenant: string): Promise<void> =>
      context.run(tenant, () =>
        guard.run({ scopes: { tenant } }, async (run) => {
          for (let turn = 0; turn < 3; turn += 1) {
            await run.step(modelCall({ input: `${tenant} ${turn}` }), async () => {
              await settleAll();
              seen.push(`${tenant}: ${context.getStore()}, ${guard.current()?.run.tenant}, ${guard.current()?.run === run}`);
              return { output: `${tenant} ${turn}` };
            });
          }
        }),
      );
    await Promise.all([asTenant('a'), asTenant('b')]);
    expect(new Set(seen)).toEqual(new Set(['a: a, a, true', 'b: b, b, true']));
    expect(seen).toHaveLength(6);
  });
});

describe('a call that waits for a slot', () => {
  it('is refused at once when its run is halted, with the error of the halt', async () => {
    const { seen } = watchRejections();
    const guard = createGuard({ concurrency: 1 });
    const [first, second] = [guard.start(), guard.start()];
    const holder = await first.begin(modelCall());
    const waiting = [knock(second), knock(second), knock(second)];
    await settleAll();
    const error = second.halt();
    for (const { step } of waiting) expect(await errorOf(step)).toBe(error);
    expect(holder.isOpen).toBe(true);
    // Those who left do not keep the next one out.
    const third = knock(guard.start());
    await settleAll();
    expect(third.isIn).toBe(false);
    await holder.end({}, usage(1, 1));
    await settleAll();
    expect(third.isIn).toBe(true);
    await guard.close();
    await settleAll();
    expect(seen).toEqual([]);
  });

  it('is refused at once when its caller goes away, with the caller’s reason', async () => {
    const guard = createGuard({ concurrency: { run: 1 } });
    const controller = new AbortController();
    const run = guard.start({ signal: controller.signal });
    await run.begin(modelCall());
    const waiting = knock(run);
    await settleAll();
    const reason = new Error('gone');
    controller.abort(reason);
    expect(await errorOf(waiting.step)).toBe(reason);
    await guard.close();
  });

  it('holds nothing of any budget while it waits', async () => {
    const guard = createGuard({ concurrency: 1, prices, budgets: { user: { modelCalls: 5 } } });
    const [first, second] = [guard.start(), guard.start()];
    const holder = await first.begin(modelCall());
    const waiting = knock(second);
    await settleAll();
    expect((await guard.read('user')).held.modelCalls).toBe(1);
    await holder.end({}, usage(1, 1));
    await (await waiting.step).end({}, usage(1, 1));
    expect((await guard.read('user')).used.modelCalls).toBe(2);
    await guard.close();
  });

  it('gives the run’s slot back when it leaves the guard’s queue', async () => {
    const guard = createGuard({ concurrency: { guard: 1, run: 1 } });
    const controller = new AbortController();
    const holder = await guard.start().begin(modelCall());
    const run = guard.start({ signal: controller.signal });
    const waiting = knock(run);
    await settleAll();
    controller.abort(new Error('gone'));
    await errorOf(waiting.step);
    const other = knock(guard.start());
    await holder.release();
    await settleAll();
    expect(other.isIn).toBe(true);
    await guard.close();
  });
});

describe('a model call inside the work of another', () => {
  it('does not wait for the slot that it is in, also in a run of its own', async () => {
    const guard = createGuard({ concurrency: 1, prices });
    const answer = await guard.run((outer) =>
      outer.step(modelCall(), async () => {
        const inner = await guard.run((run) => run.step(modelCall(), () => ({ output: 'inner', usage: usage(1, 1) })));
        return { output: `${inner} and outer`, usage: usage(1, 1) };
      }),
    );
    expect(answer).toBe('inner and outer');
  });
});

describe('a slot', () => {
  it('is kept until its call is over, also when the run was halted meanwhile', async () => {
    const guard = createGuard({ concurrency: 1 });
    const run = guard.start();
    const step = await run.begin(modelCall());
    const next = knock(guard.start());
    run.halt();
    await settleAll();
    expect(next.isIn).toBe(false);
    await step.fail(run.haltError);
    await settleAll();
    expect(next.isIn).toBe(true);
    await guard.close();
  });

  it.each<[string, (run: Run) => Promise<unknown>]>([
    ['ends', async (run) => (await run.begin(modelCall())).end({}, usage(1, 1))],
    ['fails', async (run) => (await run.begin(modelCall())).fail(new Error('x'))],
    ['is released', async (run) => (await run.begin(modelCall())).release()],
    ['is refused by a budget', async (run) => errorOf(run.begin(modelCall({ maxOutputTokens: 1_000_000 })))],
    ['has no price', async (run) => errorOf(run.begin(modelCall({ model: 'house-model' })))],
    [
      'throws',
      async (run) =>
        errorOf(
          run.step(modelCall(), () => {
            throw new Error('x');
          }),
        ),
    ],
    [
      'is never ended, but its run is',
      async (run) => {
        await run.begin(modelCall());
        await run.end();
      },
    ],
    ['reports nonsense', async (run) => (await run.begin(modelCall())).end({}, { inputTokens: -1 })],
    [
      'waits for a store that refuses late',
      async (run) => {
        const error = errorOf(run.begin(modelCall()));
        run.halt();
        await error;
      },
    ],
  ])('is given back when a call %s', async (_, act) => {
    for (const store of [undefined, faultyStore()]) {
      const guard = createGuard({
        concurrency: 1,
        prices,
        minUseful: 1_000_000,
        store,
        budgets: { user: { usd: 1, outputTokens: 10_000 } },
      });
      await act(guard.start());
      const next = knock(guard.start());
      for (let turn = 0; turn < 5 && !next.isIn; turn += 1) await settleAll();
      expect(next.isIn).toBe(true);
      await guard.close();
    }
  });

  it('is not taken twice by a door inside', async () => {
    const guard = createGuard({ concurrency: 1 });
    const done = deferred<string>();
    const run = guard.start();
    void run
      .step(modelCall(), async () => {
        const inner = await run.begin(modelCall());
        await inner.end({}, usage(1, 1));
        done.resolve('joined');
        return { output: 1 };
      })
      .catch(() => {});
    expect(await done.promise).toBe('joined');
    await guard.close();
  });
});
