import { describe, expect, it } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow, type BudgetWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { fakeClock, type FakeClock } from '../../../src/testing/fake-clock.ts';
import { ownRedis } from '../../support/own-redis.ts';
import { hasRedis } from '../../support/redis-server.ts';

const account = (scope: string, id: string, window: BudgetWindow, more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: 'acme',
  scope,
  id,
  window: resolveWindow(window),
  limits: { steps: 200 },
  alertAt: [],
  onExpire: 'release',
  ...more,
});
const tenant = account('tenant', 'acme', 'month');
const userOf = (number: number): AccountRef => account('user', `user-${number % 7}`, { rolling: '1d' });
const steps = (count: number) => [{ base: { ...zero, steps: count } }];

describe.skipIf(!hasRedis)('holds of processes that died', () => {
  const redis = ownRedis();
  let tries = 0;

  function setup(): { clock: FakeClock; prefix: string; open: () => RedisStore } {
    const clock = fakeClock(Date.UTC(2026, 0, 15, 12));
    const prefix = `overdue-${(tries += 1)}`;
    return { clock, prefix, open: () => redisStore(redis.client, { prefix, now: clock.now }) };
  }
  const dying = (store: RedisStore, count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, async (_, number) =>
        store.reserve({ id: `dead-${number}`, accounts: [userOf(number), tenant], asks: steps(1), ttlMs: 1_000 }),
      ),
    );

  it('are freed in all their accounts before the next step, however many they are', async () => {
    const { clock, prefix, open } = setup();
    await dying(open(), 180);
    clock.advance(1_001);
    const store = open();
    const { granted } = await store.reserve({ id: 'next', accounts: [tenant], asks: steps(200), ttlMs: 60_000 });
    expect(granted).toBe(true);
    for (let number = 0; number < 7; number += 1) expect((await store.read(userOf(number))).held.steps).toBe(0);
    expect(await redis.client.zrange(`${prefix}:3:{~}:holds`, 0, -1)).toEqual([`${prefix}:3:{acme}:r/next`, '=']);
  });

  it('are freed once, whoever finds them', async () => {
    const { clock, open } = setup();
    await dying(open(), 120);
    clock.advance(1_001);
    const stores = [open(), open(), open()];
    const replies = await Promise.all(
      stores.map(async (store, number) => store.reserve({ id: `next-${number}`, accounts: [tenant], asks: steps(90), ttlMs: 60_000 })),
    );
    expect(replies.filter(({ granted }) => granted)).toHaveLength(2);
    expect((await open().read(tenant)).held.steps).toBe(180);
  });

  it('go on counting under the policy `charge`, each once', async () => {
    const { clock, open } = setup();
    const charging = account('tenant', 'acme', 'month', { onExpire: 'charge' });
    await open().reserve({ id: 'dead', accounts: [charging], asks: steps(50), ttlMs: 1_000 });
    clock.advance(1_001);
    await Promise.all([open().read(charging), open().read(charging)]);
    const { held, unconfirmed } = await open().read(charging);
    expect([held.steps, unconfirmed.steps]).toEqual([0, 50]);
  });

  it('are left alone where they were extended in time', async () => {
    const { clock, open } = setup();
    const store = open();
    await store.reserve({ id: 'long', accounts: [tenant], asks: steps(50), ttlMs: 1_000 });
    clock.advance(900);
    expect(await store.extend('long', 60_000)).toBe(true);
    clock.advance(900);
    const { granted } = await open().reserve({ id: 'other', accounts: [tenant], asks: steps(160), ttlMs: 60_000 });
    expect(granted).toBe(false);
    expect((await open().read(tenant)).held.steps).toBe(50);
  });

  it('end at fractions of a millisecond, too', async () => {
    const { clock, open } = setup();
    const store = open();
    await store.reserve({ id: 'short', accounts: [tenant], asks: steps(200), ttlMs: 0.25 });
    expect((await open().reserve({ id: 'early', accounts: [tenant], asks: steps(1), ttlMs: 60_000 })).granted).toBe(false);
    clock.advance(1);
    expect((await open().reserve({ id: 'then', accounts: [tenant], asks: steps(1), ttlMs: 60_000 })).granted).toBe(true);
  });

  it('leave a step nothing to wait for that became overdue after it was asked for', async () => {
    const live = redisStore(redis.client, { prefix: 'live' });
    await Promise.all(
      Array.from({ length: 300 }, async (_, number) =>
        live.reserve({ id: `dead-${number}`, accounts: [tenant], asks: steps(0), ttlMs: 1 + number }),
      ),
    );
    const replies = [];
    for (let number = 0; number < 30; number += 1)
      replies.push(await live.reserve({ id: `next-${number}`, accounts: [tenant], asks: steps(1), ttlMs: 60_000 }));
    expect(replies.every(({ granted }) => granted)).toBe(true);
  });
});
