import { BudgetExceededError, createGuard, memoryStore, StoreUnavailableError, type Store, type StoreErrorPolicy } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../support/faulty-store.ts';
import { errorOf, settleAll, toolCall } from '../../support/guards.ts';
import { refuseUnhandledRejections, setUp } from '../../support/shared-store.ts';

refuseUnhandledRejections();

const faults: Fault[] = ['throw', 'reject', 'hang', 'lost-answer'];

describe('a store that fails to reserve', () => {
  it.each(faults)('refuses what is limited in money: %s', async (fault) => {
    const { store, spend, events, guard } = setUp({ budgets: { user: { usd: 1 } } });
    store.faults = { reserve: fault };
    const error = await errorOf(spend());
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ code: 'store_unavailable', halt: { cause: 'store' } });
    expect(events.of('store:error')).toEqual([{ operation: 'reserve', policy: 'closed', error: expect.any(Error) }]);
    store.faults = {};
    await settleAll();
    // A store that granted and lost the answer was told that nothing came of it.
    expect((await guard.read('user')).held.steps).toBe(0);
    await expect(spend()).resolves.toBe('ok');
  });

  it.each(faults)('lets through what is not limited in money, and books it when it is back: %s', async (fault) => {
    const { store, spend, events, guard, wait } = setUp({ budgets: { user: { steps: 2 } } });
    store.faults = { reserve: fault };
    for (let index = 0; index < 3; index += 1) await spend(index);
    expect(events.of('store:error').map(({ operation, policy }) => `${operation} ${policy}`)).toEqual(Array(3).fill('reserve open'));
    store.faults = {};
    expect((await wait(guard.read('user'))).used.steps).toBe(3);
    await expect(spend()).rejects.toBeInstanceOf(BudgetExceededError);
  });

  it.each<[StoreErrorPolicy, number]>([
    ['closed', 0],
    ['open', 5],
    ['local', 2],
  ])('does what the policy says: %s', async (onStoreError, granted) => {
    const { store, spend } = setUp({ budgets: { user: { steps: 2, onStoreError } } });
    store.faults = { reserve: 'reject' };
    let done = 0;
    for (let index = 0; index < 5; index += 1) {
      try {
        await spend(index);
        done += 1;
      } catch {
        // Refused.
      }
    }
    expect(done).toBe(granted);
  });

  it('is closed to a run’s own limit in money, and to one that a lookup gives', async () => {
    const own = setUp({ budgets: { user: { steps: 5 } } });
    own.store.faults = { reserve: 'reject' };
    const running = own.guard.run({ budgets: { user: { usd: 1 } } }, (run) => run.begin(toolCall()));
    expect(await errorOf(own.wait(running))).toBeInstanceOf(StoreUnavailableError);
    const looked = setUp({ budgets: { user: { steps: 5, per: () => ({ usd: 1 }) } } });
    looked.store.faults = { reserve: 'reject' };
    expect(await errorOf(looked.spend())).toBeInstanceOf(StoreUnavailableError);
  });

  it('does not lift the limits of runs, whatever the policy', async () => {
    for (const onStoreError of ['open', 'local'] as const) {
      for (const fault of faults) {
        const { store, guard, wait } = setUp({ onStoreError, budgets: { run: { steps: 2 }, user: { steps: 100 } } });
        store.faults = { reserve: fault, settle: fault, extend: fault };
        const run = guard.start();
        const child = guard.start({ parent: run, budgets: { run: { steps: 9 } } });
        await wait(run.step(toolCall(), () => ({ output: 1 })));
        await wait(child.step(toolCall({ args: 2 }), () => ({ output: 2 })));
        expect(await errorOf(wait(child.begin(toolCall())))).toMatchObject({ halt: { denial: { scope: 'run', used: 2, limit: 2 } } });
        expect(await errorOf(wait(run.begin(toolCall())))).toBeInstanceOf(BudgetExceededError);
        await wait(guard.close());
      }
    }
  });

  it('holds locally what the policy `local` lets through, and gives it back', async () => {
    const { store, guard, wait } = setUp({ budgets: { user: { steps: 1, onStoreError: 'local' } } });
    store.faults = { reserve: 'reject', settle: 'reject' };
    const first = await wait(guard.start().begin(toolCall()));
    expect(await errorOf(wait(guard.start().begin(toolCall())))).toMatchObject({ halt: { denial: { scope: 'user', held: 1 } } });
    await first.release();
    await wait(guard.run((run) => run.step(toolCall(), () => ({ output: 1 }))));
    await wait(guard.close());
  });
});

describe('a store that fails to settle', () => {
  it.each(faults)('is asked again with the same id, and books once: %s', async (fault) => {
    const { store, spend, guard, events, clock } = setUp({ budgets: { user: { steps: 10 } } });
    let failures = 2;
    store.decide = (operation) => (operation === 'settle' && failures-- > 0 ? fault : undefined);
    await spend();
    for (let turn = 0; turn < 30; turn += 1) {
      clock.advance(250);
      await settleAll();
    }
    expect(await guard.read('user')).toMatchObject({ used: { steps: 1 }, held: { steps: 0 } });
    expect(events.of('store:error').every(({ operation }) => operation === 'settle')).toBe(true);
    expect(events.of('store:error').length).toBeGreaterThan(0);
  });

  it('for good is told each time it was asked, and changes no result', async () => {
    const { store, spend, events, guard } = setUp({ budgets: { user: { steps: 10 } } });
    store.faults = { settle: 'reject' };
    expect(await spend()).toBe('ok');
    expect(events.of('store:error').map(({ operation }) => operation)).toEqual(Array(4).fill('settle'));
    expect(events.names.at(-1)).toBe('run:end');
    expect(events.of('run:end')[0]?.report.used.steps).toBe(1);
    await guard.close();
  });
});

describe('a store that fails otherwise', () => {
  it.each(faults)('cannot keep a run from ending by its flush: %s', async (fault) => {
    const { store, spend, events } = setUp();
    store.faults = { flush: fault };
    expect(await spend()).toBe('ok');
    if (fault !== 'lost-answer') expect(events.of('store:error').map(({ operation }) => operation)).toContain('flush');
    expect(events.names).toContain('run:end');
  });

  it.each(faults)('is told when a hold cannot be extended, and the late settlement is booked: %s', async (fault) => {
    const { store, guard, clock, events, wait } = setUp({ budgets: { user: { steps: 5 } } });
    store.faults = { extend: fault };
    const run = guard.start();
    const step = await run.begin(toolCall());
    for (let turn = 0; turn < 20; turn += 1) {
      clock.advance(5_000);
      await settleAll();
    }
    expect(events.of('store:error').map(({ operation }) => operation)).toContain('extend');
    store.faults = {};
    await step.end({ output: 1 });
    await wait(run.end());
    expect((await guard.read('user')).used.steps).toBe(1);
  });

  it('does not let a reader wait for ever', async () => {
    const { store, guard, wait } = setUp({ budgets: { user: { steps: 5 } } });
    store.faults = { read: 'hang', adjust: 'hang', list: 'hang', erase: 'hang' };
    const asks: (() => Promise<unknown>)[] = [
      () => guard.read('user'),
      () => guard.adjust('user', 'u', { steps: 1 }),
      () => guard.list(),
      () => guard.erase('user', 'u'),
    ];
    for (const ask of asks) expect(String(await errorOf(wait(ask())))).toContain('did not answer within 2000 ms');
  });

  it('is waited for as long as the guard was told', async () => {
    const { store, guard, clock } = setUp({ storeTimeout: '10s', budgets: { user: { usd: 1 } } });
    store.faults = { reserve: 'hang' };
    let isRefused = false;
    const beginning = errorOf(guard.start().begin(toolCall())).then(() => (isRefused = true));
    await settleAll();
    clock.advance(9_999);
    await settleAll();
    expect(isRefused).toBe(false);
    clock.advance(1);
    expect(await beginning).toBe(true);
  });
});

describe('a run beside a shared store', () => {
  it('can be given a higher limit while it lives', async () => {
    const { guard, wait } = setUp({ budgets: { run: { steps: 1 } } });
    const run = guard.start();
    await run.step(toolCall(), () => ({ output: 1 }));
    await guard.adjust('run', run.id, { steps: 2 });
    await run.step(toolCall({ args: 2 }), () => ({ output: 2 }));
    expect(await errorOf(run.begin(toolCall()))).toBeInstanceOf(BudgetExceededError);
    await wait(run.end());
  });

  it('shares accounts with guards of other processes', async () => {
    const clock = fakeClock();
    const shared: Store = { ...memoryStore({ now: clock.now }), inProcess: false };
    const guards = [1, 2, 3].map(() => createGuard({ clock, store: shared, budgets: { user: { steps: 5 } } }));
    const outcomes = await Promise.allSettled(
      guards.flatMap((guard) => [1, 2, 3].map((args) => guard.run((run) => run.step(toolCall({ args }), async () => ({ output: 1 }))))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  });
});
