import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { redisStore, type RedisStoreOptions } from '../../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { ownRedis } from '../../support/own-redis.ts';
import { hasRedis, startRedis } from '../../support/redis-server.ts';

const account = (scope: string, limits: Partial<Amounts>, more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: 'acme',
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits,
  alertAt: [],
  onExpire: 'release',
  ...more,
});
const steps = (count: number, more: Partial<Amounts> = {}): Amounts => ({ ...zero, steps: count, ...more });

describe.skipIf(!hasRedis)('steps that draw on leases', () => {
  const redis = ownRedis();
  let tries = 0;

  function setup() {
    const clock = fakeClock(Date.UTC(2026, 0, 15, 12));
    const prefix = `leased-${(tries += 1)}`;
    const open = (more: RedisStoreOptions = {}, client: Redis = redis.client) =>
      redisStore(client, { prefix, now: clock.now, settleWithinMs: 0, ...more });
    return { clock, open };
  }

  it('are held and booked at the server under an id that was refused before', async () => {
    const { open } = setup();
    const store = open({ lease: { scopes: ['user'], for: '1h' } });
    const accounts = [account('user', { steps: 100, tokens: 40 }), account('run', { usd: 5 })];
    // The run refuses the first ask, and the second is more than was leased of the user's account, and than there is.
    const asks = [{ base: steps(1, { usd: 10 }) }, { base: steps(1, { usd: 1, tokens: 50 }) }];
    const request = { id: 'same', accounts, asks, ttlMs: 60_000 };
    expect((await store.reserve(request)).granted).toBe(false);
    await store.adjust(accounts[0]!, { limits: { tokens: 400 } });
    expect(await store.reserve({ ...request, asks: asks.slice(1) })).toMatchObject({ granted: true, isReplay: false });
    expect(await store.settle({ id: 'same', accounts, actual: steps(1, { usd: 1, tokens: 50 }) })).toMatchObject({ status: 'settled' });
    for (const each of accounts) expect((await store.read(each)).settled.usd).toBe(1);
    await store.close?.();
  });

  it('go on counting under the policy `charge` after their time, for as long as their window, also near the limit', async () => {
    const { clock, open } = setup();
    const [store, others] = [open({ lease: { for: '1h' } }), open()];
    const accounts = [account('user', { steps: 100 }, { onExpire: 'charge' })];
    const use = async (id: string, count: number): Promise<boolean> =>
      (await others.reserve({ id, accounts, asks: [{ base: steps(count) }], ttlMs: 60 * 86_400_000 })).granted;
    expect((await store.reserve({ id: 'lost', accounts, asks: [{ base: steps(5) }], ttlMs: 60_000 })).granted).toBe(true);
    await store.read(accounts[0]!);
    expect(await use('all the rest', 95)).toBe(true);
    for (let hour = 0; hour < 30; hour += 1) {
      clock.advance(3_600_000);
      await store.read(accounts[0]!);
    }
    expect(await use('one more', 1)).toBe(false);
    await store.close?.();
  });

  it('tell what was used where a server answers, though another one does not', async () => {
    const { clock, open } = setup();
    let isAway = false;
    // As a cluster looks of which one server is away: what concerns its slots fails.
    const cluster = new Proxy(redis.client, {
      get: (target, name) => {
        if (name === 'isCluster') return true;
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (isAway && args.some((arg) => String(arg).includes('{away}'))) return Promise.reject(new Error('the server is away'));
          return (value as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const store = open({ lease: { for: '1h' } }, cluster);
    const [here, away] = [account('user', { steps: 100 }), account('user', { steps: 100 }, { tenant: 'away' })];
    const reserve = async (id: string, ref: AccountRef) =>
      store.reserve({ id, accounts: [ref], asks: [{ base: steps(1) }], ttlMs: 60_000 });
    await reserve('away', away);
    await reserve('here', here);
    await store.settle({ id: 'here', accounts: [here], actual: steps(1) });
    isAway = true;
    clock.advance(60_001);
    await expect(store.read(here)).rejects.toThrow();
    expect(await redisStore(cluster, { prefix: `leased-${tries}`, now: clock.now }).read(here)).toMatchObject({
      settled: steps(1),
      held: zero,
    });
    isAway = false;
    await expect.poll(() => store.close?.().then(() => 'closed', String)).toBe('closed');
  });

  it('leave the process in peace, however long they are leased', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', note);
    const store = setup().open({ lease: { for: '60d' } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await store.close?.();
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('leave no connection behind that the store has opened, where it is closed while the server is away', async () => {
    const server = await startRedis();
    const store = redisStore(`redis://127.0.0.1:${server.port}`, { lease: { for: '1h' }, timeoutMs: 200, restMs: 1 });
    const accounts = [account('user', { steps: 100 })];
    expect((await store.reserve({ id: 'first', accounts, asks: [{ base: steps(1) }], ttlMs: 60_000 })).granted).toBe(true);
    await store.settle({ id: 'first', accounts, actual: steps(1) });
    await server.kill();
    await expect(store.close?.()).rejects.toThrow();
    await server.restart();
    const admin = new Redis(server.port);
    // Long enough for a client that still tries to connect.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(
      String(await admin.client('LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(1);
    admin.disconnect();
    await server.stop();
  });
});
