import { describe, expect, it } from 'vitest';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow, type BudgetWindow } from '../../../src/core/window.ts';
import { memoryStore } from '../../../src/stores/memory-store.ts';
import type { AccountRef, Store } from '../../../src/stores/store.ts';
import { fakeClock, type FakeClock } from '../../../src/testing/fake-clock.ts';

// What every store promises is in the contract. Here is what only this one does: forgetting.

const dayMs = 86_400_000;
const account = (scope: string, window: BudgetWindow = 'lifetime', id = 'one'): AccountRef => ({
  tenant: 'acme',
  scope,
  id,
  window: resolveWindow(window),
  limits: { usd: 100 },
  alertAt: [],
  onExpire: 'release',
});
const usd = (amount: number): Amounts => ({ ...zero, usd: amount });

interface Bench {
  readonly clock: FakeClock;
  readonly store: Store;
  reserve(id: string, ref: AccountRef, amount?: number, ttlMs?: number): Promise<boolean>;
  settle(id: string, ref: AccountRef, amount: number): Promise<string>;
  use(id: string, ref: AccountRef, amount: number): Promise<void>;
  settled(ref: AccountRef): Promise<number>;
  names(): Promise<string[]>;
  /** Enough reservations elsewhere for every account to be looked at. */
  passBy(): Promise<void>;
}

function bench(retention?: '7d'): Bench {
  const clock = fakeClock();
  const store = memoryStore({ now: clock.now, ...(retention && { retention }) });
  let passed = 0;
  const self: Bench = {
    clock,
    store,
    reserve: async (id, ref, amount = 0, ttlMs = 60_000) =>
      (await store.reserve({ id, accounts: [ref], asks: [{ base: usd(amount) }], ttlMs })).granted,
    settle: async (id, ref, amount) => (await store.settle({ id, accounts: [ref], actual: usd(amount) })).status,
    async use(id, ref, amount) {
      await self.reserve(id, ref, amount);
      await self.settle(id, ref, amount);
    },
    settled: async (ref) => (await store.read(ref)).settled.usd,
    names: async () => (await store.list({ scope: 'user', most: 1000 })).map(({ id }) => id).sort(),
    async passBy() {
      for (let i = 0; i < 200; i += 1) await self.use(`pass-${(passed += 1)}`, account('elsewhere'), 0);
    },
  };
  return self;
}

describe('the memory store', () => {
  it('remembers an account without a window until its retention after the last step', async () => {
    const { use, settled, clock, passBy } = bench('7d');
    await use('a', account('user'), 40);
    clock.advance(6 * dayMs);
    await use('b', account('user'), 10);
    clock.advance(7 * dayMs);
    await passBy();
    expect(await settled(account('user'))).toBe(50);
    clock.advance(1);
    await passBy();
    expect(await settled(account('user'))).toBe(0);
  });

  it('forgets thousands of accounts of past days while others are used', async () => {
    const { use, names, clock, passBy } = bench();
    for (let i = 0; i < 3_000; i += 1) await use(`step-${i}`, account('user', 'day', `user-${i}`), 1);
    expect((await names()).length).toBe(1_000);
    clock.advance(dayMs);
    await use('today', account('user', 'day', 'user-7'), 1);
    for (let i = 0; i < 3; i += 1) await passBy();
    expect(await names()).toEqual(['user-7']);
  });

  it('does not keep an account alive by listing or reading it', async () => {
    const { use, names, settled, clock } = bench();
    await use('a', account('user', 'day'), 1);
    clock.advance(dayMs);
    expect(await settled(account('user', 'day'))).toBe(0);
    expect(await names()).toEqual([]);
  });

  it('never forgets an account that has a live hold or an adjustment in force', async () => {
    const { store, reserve, settle, names, clock, passBy } = bench();
    await reserve('long', account('user', 'day', 'held'), 1, 9 * dayMs);
    await store.adjust(account('user', 'day', 'for good'), { limits: { usd: 7 } });
    await store.adjust(account('user', 'day', 'for a time'), { limits: { usd: 7 }, until: clock.now() + 2 * dayMs });
    clock.advance(2 * dayMs - 1);
    await passBy();
    expect(await names()).toEqual(['for a time', 'for good', 'held']);
    clock.advance(1);
    await passBy();
    expect(await names()).toEqual(['for good', 'held']);
    await settle('long', account('user', 'day', 'held'), 1);
    await passBy();
    expect(await names()).toEqual(['for good']);
    expect((await store.read(account('user', 'day', 'for good'))).limits).toEqual({ usd: 7 });
  });

  it('books late usage of an account that it has forgotten where a reader finds it', async () => {
    const { reserve, settle, settled, clock, passBy } = bench('7d');
    await reserve('zombie', account('user'), 40);
    clock.advance(8 * dayMs);
    await passBy();
    expect(await settle('zombie', account('user'), 40)).toBe('late');
    expect(await settled(account('user'))).toBe(40);
  });

  it('keeps late usage of a day that is over out of the account of today', async () => {
    const { reserve, settle, settled, clock, passBy } = bench();
    const user = account('user', 'day');
    await reserve('zombie', user, 40);
    clock.advance(2 * dayMs);
    await passBy();
    await reserve('today', user, 1);
    expect(await settle('zombie', user, 40)).toBe('late');
    expect(await settled(user)).toBe(0);
  });

  it('tells of a threshold that a late settlement crosses in a day that is over', async () => {
    const { store, use, reserve, clock } = bench();
    const user = { ...account('user', 'day'), alertAt: [0.5] };
    const midnight = Date.UTC(2026, 0, 16);
    await use('a', user, 30);
    await reserve('zombie', user, 30);
    clock.set(midnight);
    await use('today', user, 1);
    const { alerts } = await store.settle({ id: 'zombie', accounts: [user], actual: usd(30) });
    expect(alerts).toMatchObject([{ threshold: 0.5, settled: 60, limit: 100, resetsAt: midnight }]);
  });

  it('forgets an account whose adjustment was taken back', async () => {
    const { store, names, clock, passBy } = bench();
    const user = account('user', 'day');
    await store.adjust(user, { limits: { usd: 7 } });
    await store.adjust(user, { limits: null });
    clock.advance(dayMs);
    await passBy();
    expect(await names()).toEqual([]);
  });

  it('takes a step that never ended for the last one, too', async () => {
    const { use, reserve, settled, clock, passBy } = bench('7d');
    await use('a', account('user'), 40);
    clock.advance(6 * dayMs);
    await reserve('dead', account('user'), 1);
    clock.advance(7 * dayMs);
    await passBy();
    expect(await settled(account('user'))).toBe(40);
  });

  it('keeps late usage of an account that was erased out of its successor', async () => {
    const { store, reserve, settle, settled, clock } = bench();
    await reserve('zombie', account('user'), 40);
    clock.advance(60_000);
    await store.erase(account('user'));
    await reserve('next', account('user'), 1);
    expect(await settle('zombie', account('user'), 40)).toBe('late');
    expect(await settled(account('user'))).toBe(0);
  });

  it('knows a replay for at least 50,000 reservations, and not for ever', async () => {
    const { use, settle } = bench();
    const run = account('run');
    await use('first', run, 0);
    for (let i = 0; i < 49_999; i += 1) await use(`step-${i}`, run, 0);
    expect(await settle('first', run, 1)).toBe('duplicate');
    for (let i = 0; i < 100_000; i += 1) await use(`more-${i}`, run, 0);
    expect(await settle('first', run, 1)).toBe('late');
  });

  it('is not confused by a clock that is put back', async () => {
    const { reserve, use, settled, clock } = bench();
    const user = account('user', 'day');
    await use('a', user, 60);
    clock.set(clock.now() - dayMs);
    await use('b', user, 40);
    expect(await settled(user)).toBe(100);
    expect(await reserve('c', user, 1)).toBe(false);
  });
});
