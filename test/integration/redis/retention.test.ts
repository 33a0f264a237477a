import { describe, expect, it, vi } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow, type BudgetWindow } from '../../../src/core/window.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { ownRedis } from '../../support/own-redis.ts';
import { hasRedis } from '../../support/redis-server.ts';

describe.skipIf(!hasRedis)('the accounts of many users', () => {
  const redis = ownRedis();

  /** One step for each of so many users. */
  async function spendOfEach(store: RedisStore, users: number, window: BudgetWindow): Promise<void> {
    let next = 0;
    const spend = async (): Promise<void> => {
      while (next < users) {
        const id = `user-${(next += 1)}`;
        const account = { tenant: 'acme', scope: 'user', id, window: resolveWindow(window), limits: { steps: 5 }, alertAt: [] };
        const accounts = [{ ...account, onExpire: 'release' as const }];
        const amounts = { ...zero, steps: 1 };
        await store.reserve({ id: `step of ${id}`, accounts, asks: [{ base: amounts }], ttlMs: 60_000 });
        await store.settle({ id: `step of ${id}`, accounts, actual: amounts });
      }
    };
    await Promise.all(Array.from({ length: 500 }, spend));
  }
  /** Keys of accounts and steps. A tenant has a few more: its mark, the set of its holds, and bounded lists of its largest accounts. */
  const keysOfUsers = async (): Promise<string[]> =>
    (await redis.client.keys('*')).filter((key) => !/:(?:mark|holds|all|i\/.*)$/.test(key));

  it('go by themselves after the retention, all of them', async () => {
    await spendOfEach(redisStore(redis.client, { retention: '2s', remember: '1s' }), 20_000, 'lifetime');
    await vi.waitFor(async () => expect(await keysOfUsers()).toEqual([]), { timeout: 60_000, interval: 500 });
    // The server counts what has expired until it comes round to it.
    await vi.waitFor(async () => expect(await redis.client.dbsize()).toBeLessThan(10), { timeout: 30_000, interval: 500 });
    for (const list of await redis.client.keys('*:i/*')) expect(await redis.client.zcard(list)).toBeLessThanOrEqual(1_001);
  }, 180_000);

  it('of a day live until an hour after it', async () => {
    await redis.client.flushall();
    await spendOfEach(redisStore(redis.client), 500, 'day');
    const lives = await Promise.all((await keysOfUsers()).map((key) => redis.client.pttl(key)));
    expect(lives.length).toBeGreaterThanOrEqual(500);
    expect(Math.min(...lives)).toBeGreaterThan(0);
    expect(Math.max(...lives)).toBeLessThanOrEqual(25 * 3_600_000);
  }, 60_000);
});

const HOUR_MS = 3_600_000;

describe.skipIf(!hasRedis)('an account without a window', () => {
  const redis = ownRedis();
  const clock = fakeClock(Date.UTC(2026, 0, 15, 12));
  const amounts = { ...zero, steps: 1 };
  const window = resolveWindow('lifetime');
  const account = { tenant: 'acme', scope: 'user', id: 'one', window, limits: { steps: 50 }, alertAt: [], onExpire: 'release' as const };
  const step = { accounts: [account], asks: [{ base: amounts }], ttlMs: HOUR_MS };

  /** Lets time pass for the store, and for the server, whose own clock cannot be put forward: all that it keeps has the less to live. */
  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    for (const key of await redis.client.keys('*')) {
      const life = await redis.client.pttl(key);
      if (life >= 0) await redis.client.pexpire(key, life - ms);
    }
  }

  it('lives on with each step of a run, however long that takes, and goes with the retention after the last', async () => {
    const store = redisStore(redis.client, { now: clock.now, retention: '10m' });
    const [first, ...others] = Array.from({ length: 9 }, (_, number) => `step-${number}`);
    await store.reserve({ ...step, id: first! });
    let last = first!;
    for (const id of others) {
      // The last step is settled with the message that reserves the next.
      const settling = store.settle({ id: last, accounts: [account], actual: amounts });
      expect((await store.reserve({ ...step, id })).granted).toBe(true);
      expect((await settling).status).toBe('settled');
      last = id;
      await pass(HOUR_MS / 12);
    }
    await store.settle({ id: last, accounts: [account], actual: amounts });
    expect((await store.read(account)).settled.steps).toBe(9);
    await pass(HOUR_MS / 5);
    expect((await store.read(account)).settled.steps).toBe(0);
    await store.close?.();
  });
});
