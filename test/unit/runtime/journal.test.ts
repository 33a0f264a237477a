import { memoryStore, type Amounts, type SettleReply, type SettleRequest } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import { createJournal, SettlementsLostError } from '../../../src/runtime/journal.ts';
import type { Fault } from '../../support/faulty-store.ts';
import { settleAll, toolCall } from '../../support/guards.ts';
import { refuseUnhandledRejections, setUp } from '../../support/shared-store.ts';

refuseUnhandledRejections();

const faults: Fault[] = ['throw', 'reject', 'hang', 'lost-answer'];

describe('what is used while the store is away', () => {
  it.each(faults)('is booked once when it is back, by itself, after however long: %s', async (fault) => {
    const { store, guard, spend, events, clock, wait } = setUp({ budgets: { user: { steps: 100 } } });
    await spend('before');
    store.faults = { reserve: fault, settle: fault, extend: fault, flush: fault };
    for (let index = 0; index < 5; index += 1) await spend(index);
    for (let minute = 0; minute < 90; minute += 1) {
      clock.advance(60_000);
      await settleAll();
    }
    store.faults = {};
    for (let turn = 0; turn < 200; turn += 1) {
      clock.advance(1_000);
      await settleAll();
    }
    expect((await wait(guard.read('user'))).used.steps).toBe(6);
    expect(events.of('store:recovered').reduce((sum, { settlements }) => sum + settlements, 0)).toBe(5);
    expect(events.of('store:error').filter(({ operation }) => operation === 'journal')).toEqual([]);
  });

  it('is booked as soon as the store answers anything', async () => {
    const { store, guard, spend, events } = setUp({ budgets: { user: { steps: 100 } } });
    store.faults = { reserve: 'reject', settle: 'reject' };
    for (let index = 0; index < 3; index += 1) await spend(index);
    store.faults = {};
    // No time passes: the step itself wakes the journal.
    await guard.run((run) => run.step(toolCall(), () => ({ output: 'ok' })));
    await settleAll();
    expect((await guard.read('user')).used.steps).toBe(4);
    expect(events.of('store:recovered')).toEqual([{ settlements: 3 }]);
  });

  it('keeps no run from its end', async () => {
    const { store, guard } = setUp({ budgets: { user: { steps: 100 } } });
    store.faults = { reserve: 'reject', settle: 'reject', flush: 'reject' };
    // The clock stands still: whoever waited for a pause would wait for ever.
    for (let index = 0; index < 3; index += 1) {
      expect(await guard.run((run) => run.step(toolCall({ args: index }), () => ({ output: 'ok' })))).toBe('ok');
    }
  });

  it('still tells of thresholds that it crosses, once', async () => {
    const { store, guard, spend, events } = setUp({ budgets: { user: { steps: 4 } } });
    store.faults = { reserve: 'reject', settle: 'reject' };
    for (let index = 0; index < 3; index += 1) await spend(index);
    expect(events.of('budget:alert')).toEqual([]);
    store.faults = {};
    await guard.run((run) => run.step(toolCall(), () => ({ output: 'ok' })));
    await settleAll();
    expect(
      events
        .of('budget:alert')
        .map(({ threshold }) => threshold)
        .sort((a, b) => a - b),
    ).toEqual([0.5, 0.8, 0.95]);
  });

  it('is told to be lost when the guard is closed before it could be booked', async () => {
    const { store, guard, spend, events, wait } = setUp({ budgets: { user: { steps: 100 } } });
    store.faults = { reserve: 'reject', settle: 'reject' };
    for (let index = 0; index < 3; index += 1) await spend(index);
    await wait(guard.close());
    const lost = events.of('store:error').filter(({ operation }) => operation === 'journal');
    expect(lost).toEqual([
      { operation: 'journal', policy: 'open', error: expect.objectContaining({ code: 'settlements_lost', count: 3 }) },
    ]);
  });

  it('is booked by closing the guard, when the store is back by then', async () => {
    const { store, guard, spend, events, wait } = setUp({ budgets: { user: { steps: 100 } } });
    store.faults = { reserve: 'reject', settle: 'reject' };
    await spend();
    store.faults = {};
    await wait(guard.close());
    expect((await wait(guard.read('user'))).used.steps).toBe(1);
    expect(events.of('store:recovered')).toEqual([{ settlements: 1 }]);
  });
});

describe('the policy { local: limits }', () => {
  const steps = async ({ spend }: ReturnType<typeof setUp>, count: number): Promise<number> => {
    let done = 0;
    for (let index = 0; index < count; index += 1) {
      const isDone = await spend(index).then(
        () => true,
        () => false,
      );
      if (isDone) done += 1;
    }
    return done;
  };

  it('lets each process use so much of an account while the store is away, and books it afterwards', async () => {
    const all = setUp({ budgets: { user: { steps: 100, usd: 5, onStoreError: { local: { steps: 3 } } } } });
    all.store.faults = { reserve: 'reject', settle: 'reject' };
    expect(await steps(all, 10)).toBe(3);
    all.store.faults = {};
    expect(await steps(all, 10)).toBe(10);
    await settleAll();
    expect((await all.guard.read('user')).used.steps).toBe(13);
  });

  it('can be over a window of its own', async () => {
    const all = setUp({ budgets: { user: { steps: 100, window: 'day', onStoreError: { local: { steps: 2, window: 'minute' } } } } });
    all.store.faults = { reserve: 'reject', settle: 'reject' };
    expect(await steps(all, 5)).toBe(2);
    all.clock.advance(60_000);
    expect(await steps(all, 5)).toBe(2);
  });

  it.each([{ local: 5 }, { local: { dollars: 1 } }, { local: { usd: 1, window: 'fortnight' } }, { remote: {} }])(
    'is refused when it cannot be used: %j',
    (onStoreError) => {
      expect(() => setUp({ budgets: { user: { steps: 1, onStoreError } } })).toThrow(/onStoreError/);
    },
  );
});

describe('the journal', () => {
  const account = {
    tenant: 't',
    scope: 'user',
    id: 'u',
    window: resolveWindow('lifetime'),
    limits: {},
    alertAt: [],
    onExpire: 'release',
  } as const;
  const request = (id: string, actual: Amounts | undefined = { ...zero, steps: 1 }): SettleRequest => ({ id, actual, accounts: [account] });

  function journalOf(most: number, refuses: (id: string) => boolean) {
    const clock = fakeClock();
    const store = memoryStore({ now: clock.now });
    const errors: string[] = [];
    const recovered: number[] = [];
    const journal = createJournal({
      clock,
      most,
      settle: async (each) => {
        if (refuses(each.id)) throw new Error('away');
        return store.settle(each);
      },
      onError: (operation, error) => errors.push(SettlementsLostError.is(error) ? `${operation} ${error.code}` : operation),
      onRecovered: (count) => recovered.push(count),
    });
    const used = async (): Promise<number> => (await store.read(account)).settled.steps;
    return { journal, clock, errors, recovered, used };
  }

  it('is bounded: what does not fit is told and given up, and gifts back yield to bookings', async () => {
    let isAway = true;
    const { journal, errors, used, clock } = journalOf(4, () => isAway);
    const answers: Promise<SettleReply | undefined>[] = [];
    for (const id of ['free-1', 'free-2', 'free-3']) answers.push(journal.add({ ...request(id), actual: undefined }));
    for (const id of ['a', 'b', 'c']) answers.push(journal.add(request(id)));
    expect(journal.size).toBe(4);
    expect(errors).toEqual(['journal settlements_lost']);
    isAway = false;
    clock.advance(1_000);
    const statuses = (await Promise.all(answers)).map((answer) => answer?.status);
    expect(statuses).toEqual(['released', 'released', undefined, 'late', 'late', undefined]);
    expect(await used()).toBe(2);
  });

  it('does not let one settlement that the store refuses stand in the way of the others', async () => {
    const { journal, clock, used, recovered } = journalOf(1_000, (id) => id === 'refused');
    const answers = [journal.add(request('refused'))];
    for (let index = 0; index < 100; index += 1) answers.push(journal.add(request(`fine-${index}`)));
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(60_000);
      await settleAll();
      await settleAll();
    }
    expect([await used(), journal.size, recovered]).toEqual([100, 1, []]);
    await journal.close();
    expect([journal.size, recovered]).toEqual([0, []]);
    expect((await Promise.all(answers)).filter((answer) => answer === undefined)).toHaveLength(1);
  });

  it('asks a store that stays away less and less often', async () => {
    let asked = 0;
    const { journal, clock } = journalOf(10, () => (asked += 1) > 0);
    const answer = journal.add(request('a'));
    for (let second = 0; second < 600; second += 1) {
      clock.advance(1_000);
      await settleAll();
    }
    expect(asked).toBeGreaterThan(10);
    expect(asked).toBeLessThan(40);
    await journal.close();
    expect(await answer).toBeUndefined();
  });
});
