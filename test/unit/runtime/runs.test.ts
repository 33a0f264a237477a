import { getEventListeners } from 'node:events';
import { createGuard, HaltedByPersonError, RunEndedError, type Run } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { deferred, errorOf, logEvents, modelCall, prices, settleAll, toolCall } from '../../support/guards.ts';

describe('guard.run', () => {
  it('gives what its function gives, and ends the run', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    let inside: Run | undefined;
    const result = await guard.run({ agent: 'helper', scopes: { user: 'u' } }, async (run) => {
      inside = run;
      await run.step(toolCall(), async () => ({ output: 1 }));
      return { answer: 42 };
    });
    expect(result).toEqual({ answer: 42 });
    expect(inside).toMatchObject({ isEnded: true, agent: 'helper', tenant: 'default', scopes: { user: 'u' }, parentId: undefined });
    expect(events.names).toEqual(['run:start', 'step:start', 'step:end', 'run:end']);
    expect(events.of('run:end')[0]).toMatchObject({ run: { agent: 'helper' }, report: { used: { steps: 1 }, halt: undefined } });
  });

  it('takes a function that is not asynchronous', async () => {
    expect(await createGuard().run((run) => run.id.length)).toBeGreaterThan(0);
  });

  it('rejects with the very error of its function, and ends the run', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const error = new TypeError('mine');
    expect(await errorOf(guard.run(() => Promise.reject(error)))).toBe(error);
    expect(
      await errorOf(
        guard.run(() => {
          throw error;
        }),
      ),
    ).toBe(error);
    expect(events.names.filter((name) => name === 'run:end')).toHaveLength(2);
  });

  it('rejects with the one error of the halt, whatever a host made of it', async () => {
    const guard = createGuard();
    const seen: unknown[] = [];
    const error = await errorOf(
      guard.run(async (run) => {
        seen.push(run.halt('enough'));
        throw new Error('agent stopped due to a problem');
      }),
    );
    expect(seen).toEqual([error]);
    expect(error).toBeInstanceOf(HaltedByPersonError);
    expect(guard.lastHalt()).toBe(error);
  });

  it('gives the result of a function that swallowed the halt', async () => {
    const guard = createGuard({ budgets: { run: { steps: 0 } } });
    expect(await guard.run((run) => run.begin(toolCall()).catch(() => 'graceful'))).toBe('graceful');
    expect(guard.lastHalt()).toMatchObject({ code: 'budget_exceeded' });
  });

  it('makes the run known to what works in it, and to nothing else', async () => {
    const guard = createGuard();
    const other = createGuard();
    expect(guard.current()).toBeUndefined();
    await guard.run(async (run) => {
      await settleAll();
      expect(guard.current()?.run).toBe(run);
      expect(other.current()).toBeUndefined();
      await other.run(async (theirs) => {
        expect(guard.current()?.run).toBe(run);
        expect(other.current()?.run).toBe(theirs);
        await guard.run((inner) => expect(guard.current()?.run).toBe(inner));
        expect(guard.current()?.run).toBe(run);
      });
    });
    expect(guard.current()).toBeUndefined();
  });

  it('is not around what outlives it, but what is left of a stopped run begins no other', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 1 } } });
    const later = deferred();
    const leftOver = (): Promise<unknown> => later.promise.then(() => guard.run({}, (run) => [run.parentId, guard.current()?.run === run]));
    const [over, stopped] = [{} as { left?: Promise<unknown> }, {} as { left?: Promise<unknown> }];
    await guard.run(() => void (over.left = leftOver()));
    const error = await errorOf(
      guard.run((run) => {
        stopped.left = errorOf(leftOver());
        throw run.halt();
      }),
    );
    later.resolve();
    expect(await over.left).toEqual([undefined, true]);
    expect(await stopped.left).toBe(error);
  });

  it('ends the run only when no step is open, and does not make the caller wait for that', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const work = deferred();
    let background: Promise<unknown> | undefined;
    await guard.run((run) => {
      background = run.step(toolCall(), async () => (await work.promise, { output: 1 }));
      return 'answer';
    });
    expect(events.names).not.toContain('run:end');
    work.resolve();
    await background;
    await settleAll();
    expect(events.names.slice(-2)).toEqual(['step:end', 'run:end']);
    expect(events.of('run:end')[0]?.report.used.steps).toBe(1);
  });

  it('waits for open steps of runs inside it before it ends', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const work = deferred();
    let child: Promise<unknown> | undefined;
    await guard.run(() => {
      child = guard.run((inner) => inner.step(toolCall(), async () => (await work.promise, { output: 1 })));
    });
    expect(events.of('run:end')).toEqual([]);
    work.resolve();
    await child;
    await settleAll();
    expect(events.of('run:end').map(({ report }) => report.used.steps)).toEqual([1, 1]);
  });
});

describe('a run held open by hand', () => {
  it('lives until it is ended, and can be ended twice', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const run = guard.start();
    await run.step(toolCall(), () => ({ output: 1 }));
    expect(run.isEnded).toBe(false);
    await Promise.all([run.end(), run.end()]);
    await run.end();
    expect(events.names.filter((name) => name === 'run:end')).toHaveLength(1);
  });

  it('ends with the block that uses it', async () => {
    const guard = createGuard();
    let seen: Run;
    {
      await using run = guard.start();
      seen = run;
      expect(run.isEnded).toBe(false);
    }
    expect(seen.isEnded).toBe(true);
  });

  it('takes no step after its end, and cannot be halted any more', async () => {
    const guard = createGuard();
    const events = logEvents(guard);
    const run = guard.start();
    await run.end();
    const error = await errorOf(run.begin(toolCall()));
    expect(error).toBeInstanceOf(RunEndedError);
    expect((error as Error).message).toContain(run.id);
    run.halt('too late');
    expect(run.halted).toBeUndefined();
    expect(events.names).toEqual(['run:start', 'run:end']);
    expect(guard.lastHalt()).toBeUndefined();
  });

  it('books its open steps when it is ended, and those of the runs inside it, and none of another run', async () => {
    const guard = createGuard({ prices, budgets: { user: { tokens: 100_000 } } });
    const outer = guard.start();
    const inner = guard.start({ parent: outer });
    const beside = guard.start();
    const steps = await Promise.all([outer.begin(modelCall()), inner.begin(modelCall()), beside.begin(modelCall())]);
    await outer.end();
    expect(steps.map(({ isOpen }) => isOpen)).toEqual([false, false, true]);
    expect((await guard.read('user')).used.modelCalls).toBe(2);
    await beside.end();
    expect((await guard.read('user')).held.modelCalls).toBe(0);
    await guard.close();
  });

  it('whose listener ends it as soon as it hears of it is forgotten like every other', async () => {
    const guard = createGuard();
    let run: Run | undefined;
    guard.on('run:start', ({ run: { id } }) => void guard.start({ id }).end());
    run = guard.start({ id: 'job' });
    expect(run.isEnded).toBe(true);
    expect(guard.start({ id: 'job' })).not.toBe(run);
    await guard.close();
  });

  it('that cannot be started listens to no signal', () => {
    const guard = createGuard({ budgets: { user: { steps: 5 } }, requireScopes: ['user'] });
    const { signal } = new AbortController();
    expect(() => guard.start({ signal })).toThrow('this guard requires it');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('is carried to wherever a bound function is called', async () => {
    const guard = createGuard();
    const run = guard.start({ agent: 'worker' });
    const bound = run.bind((a: number, b: number) => [guard.current()?.run, guard.current()?.agent, a + b]);
    expect(await new Promise((resolve) => setImmediate(() => resolve(bound(1, 2))))).toEqual([run, 'worker', 3]);
    expect(run.within(() => guard.current()?.run)).toBe(run);
    expect(guard.within(run, 'other', () => guard.current()?.agent)).toBe('other');
    await run.end();
  });
});

describe('a run of an id that is live', () => {
  it('is joined, and ends when the last of those who work in it has done', async () => {
    const guard = createGuard({ budgets: { run: { steps: 3 } } });
    const events = logEvents(guard);
    const first = deferred();
    const outer = guard.run({ id: 'job' }, async (run) => {
      await first.promise;
      await run.step(toolCall({ args: 'outer' }), () => ({ output: 1 }));
      return run;
    });
    const joined = await guard.run({ id: 'job' }, async (run) => {
      await run.step(toolCall(), () => ({ output: 1 }));
      return run;
    });
    expect(joined.isEnded).toBe(false);
    first.resolve();
    expect(await outer).toBe(joined);
    expect(joined.isEnded).toBe(true);
    expect(joined.report().used.steps).toBe(2);
    expect(events.names.filter((name) => name === 'run:start')).toHaveLength(1);
  });

  it('stays open when it is held open by hand', async () => {
    const guard = createGuard();
    const held = guard.start({ id: 'job' });
    await guard.run({ id: 'job' }, (run) => run.step(toolCall(), () => ({ output: 1 })));
    expect(held.isEnded).toBe(false);
    await held.end();
  });

  it('is a new run once the old one is over', async () => {
    const guard = createGuard({ budgets: { run: { steps: 1 } } });
    const once = (): Promise<number> => guard.run({ id: 'job' }, (run) => run.step(toolCall(), () => ({ output: 1 })));
    await once();
    await expect(once()).resolves.toBe(1);
  });

  it('whose steps are steps of their own, and no replay of those of the old one', async () => {
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const once = (): Promise<number> => guard.run({ id: 'job' }, (run) => run.step(toolCall(), () => ({ output: 1 })));
    await once();
    await once();
    expect((await guard.read('user')).used.steps).toBe(2);
  });

  it('is refused for whom it does not work', async () => {
    const guard = createGuard({ budgets: { user: { steps: 1 } } });
    const run = guard.start({ id: 'job', scopes: { user: 'a' } });
    expect(() => guard.start({ id: 'job', scopes: { user: 'b' } })).toThrow('is live for another user');
    expect(guard.start({ id: 'job', scopes: { user: 'a' } })).toBe(run);
    await run.end();
  });
});

describe('guard.close', () => {
  it('ends all runs, books their open steps and waits until that is told', async () => {
    const guard = createGuard({ prices, budgets: { user: { tokens: 100_000 } } });
    const events = logEvents(guard);
    const outer = guard.start();
    const inner = guard.start({ parent: outer });
    await inner.begin(modelCall());
    await guard.close();
    expect([outer.isEnded, inner.isEnded]).toEqual([true, true]);
    expect(events.names.filter((name) => name === 'run:end')).toHaveLength(2);
    expect((await guard.read('user')).held.tokens).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock, budgets: { run: { duration: '1m' } } });
    const run = guard.start();
    await run.begin(toolCall());
    await guard.close();
    expect(clock.waiting).toBe(0);
  });
});

describe('a guard with nothing in flight', () => {
  it('has no timer', async () => {
    const clock = fakeClock();
    const guard = createGuard({ clock });
    const run = guard.start();
    const step = await run.begin(toolCall());
    expect(clock.waiting).toBe(1);
    await step.end({ output: 1 });
    clock.advance(120_000);
    expect(clock.waiting).toBe(0);
    await guard.close();
  });
});

describe('what a run leaves in the store', () => {
  it('is one account for a whole tree, unless a run inside it has limits of its own', async () => {
    const guard = createGuard();
    const outer = guard.start({ budgets: { run: { steps: 5 } } });
    const inner = guard.start({ parent: outer });
    await inner.step(toolCall(), () => ({ output: 1 }));
    expect((await guard.list({ scope: 'run' })).map(({ id, used }) => [id, used.steps])).toEqual([[outer.id, 1]]);
    await guard.close();
  });

  it('is nothing, once it and the runs inside it are over', async () => {
    const guard = createGuard({ budgets: { run: { steps: 5 } } });
    const outer = guard.start();
    const inner = guard.start({ parent: outer, budgets: { run: { steps: 2 } } });
    await inner.step(toolCall(), () => ({ output: 1 }));
    expect(await guard.list({ scope: 'run' })).toHaveLength(2);
    await outer.end();
    expect(await guard.list({ scope: 'run' })).toHaveLength(2);
    await inner.end();
    expect(await guard.list({ scope: 'run' })).toEqual([]);
  });
});
