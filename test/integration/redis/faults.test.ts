import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { redisStore, StoreDataLostError, type RedisStore, type RedisStoreOptions } from '../../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow, type BudgetWindow } from '../../../src/core/window.ts';
import type { AccountRef, ReserveReply } from '../../../src/stores/store.ts';
import { hasRedis, startRedis, type RedisServer } from '../../support/redis-server.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const account = (scope: string, window: BudgetWindow = 'lifetime'): AccountRef => ({
  tenant: 'acme',
  scope,
  id: 'one',
  window: resolveWindow(window),
  limits: { usd: 100 },
  alertAt: [],
  onExpire: 'release',
});
const usd = (amount: number): Amounts => ({ ...zero, usd: amount });
const both = [account('run'), account('user', 'day')];

const reserve = async (store: RedisStore, id: string, amount: number, ttlMs = 60_000): Promise<ReserveReply> =>
  store.reserve({ id, accounts: both, asks: [{ base: usd(amount) }], ttlMs });
const settle = async (store: RedisStore, id: string, amount: number): Promise<string> =>
  (await store.settle({ id, accounts: both, actual: usd(amount) })).status;
const sums = (store: RedisStore): Promise<readonly (readonly number[])[]> =>
  Promise.all(
    both.map(async (ref) => {
      const { settled, held } = await store.read(ref);
      return [settled.usd, held.usd];
    }),
  );
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `no failure: ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
/** Asks until the store answers. Faults are over when it does. */
async function recovered(store: RedisStore): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await Promise.resolve(store.read(both[0]!)).then(
      () => true,
      () => false,
    );
    if (answer) return;
    await pause(50);
  }
  throw new Error('the store did not recover');
}

describe.skipIf(!hasRedis)('the Redis store, when things go wrong', () => {
  let server: RedisServer;
  let admin: Redis;
  const closing: (() => unknown)[] = [];

  const connected = (port: number): Redis => {
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
    client.on('error', () => {});
    closing.push(() => client.disconnect());
    return client;
  };
  const storeAt = (port: number, options: RedisStoreOptions = {}): RedisStore =>
    redisStore(connected(port), { settleWithinMs: 0, timeoutMs: 400, restMs: 100, ...options });

  beforeEach(async () => {
    server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    admin = connected(server.port);
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await server.stop();
  });

  it('sends a script anew that the server does not know', async () => {
    const store = storeAt(server.port);
    await reserve(store, 'a', 10);
    await admin.script('FLUSH');
    expect(await settle(store, 'a', 10)).toBe('settled');
    expect(await sums(store)).toEqual([
      [10, 0],
      [10, 0],
    ]);
  });

  it('fails at once while the server is dead, after one wait, and goes on where it was when it is back', async () => {
    const store = storeAt(server.port, { restMs: 60_000 });
    await reserve(store, 'before', 30, 60_000);
    await server.kill();
    expect(await failure(reserve(store, 'first', 10, 500))).toMatch(/did not answer within/);
    expect(await failure(reserve(store, 'second', 10, 500))).toMatch(/it is asked again in \d+ ms/);
    const other = storeAt(server.port);
    expect(await failure(reserve(other, 'third', 10, 500))).not.toMatch(/no failure/);
    await server.restart();
    await recovered(other);
    expect(await settle(other, 'before', 25)).toBe('settled');
    // What was still under way when the server came back was held, and expires.
    await vi.waitFor(
      async () =>
        expect(await sums(other)).toEqual([
          [25, 0],
          [25, 0],
        ]),
      { timeout: 5_000 },
    );
  });

  it('takes a server that is stopped for dead, and one that goes on for alive', async () => {
    const store = storeAt(server.port);
    await reserve(store, 'a', 10);
    server.process.kill('SIGSTOP');
    expect(await failure(settle(store, 'a', 10))).toMatch(/did not answer within/);
    server.process.kill('SIGCONT');
    await recovered(store);
    // The settlement may have arrived all the same: sent again, it is booked once.
    expect(['settled', 'duplicate']).toContain(await settle(store, 'a', 10));
    expect(await sums(store)).toEqual([
      [10, 0],
      [10, 0],
    ]);
  });

  describe('on a line that is cut before the answer', () => {
    let proxy: TcpProxy;
    beforeEach(async () => {
      proxy = await startProxy(server.port);
      closing.push(() => proxy.close());
    });

    it.each(['ioredis', 'node-redis'])('holds and books once with %s', async (library) => {
      const nodeRedis = createClient({ url: `redis://127.0.0.1:${proxy.port}`, socket: { reconnectStrategy: 20 } });
      nodeRedis.on('error', () => {});
      if (library === 'node-redis') {
        await nodeRedis.connect();
        closing.push(() => nodeRedis.destroy());
      }
      const client = library === 'ioredis' ? connected(proxy.port) : nodeRedis;
      const store = redisStore(client, { settleWithinMs: 0 });
      await reserve(store, 'warm', 1);
      proxy.mode = 'cut';
      expect(await reserve(store, 'a', 40)).toMatchObject({ granted: true, isReplay: true, amounts: usd(40) });
      expect(await sums(store)).toEqual([
        [0, 41],
        [0, 41],
      ]);
      proxy.mode = 'cut';
      expect(await settle(store, 'a', 30)).toBe('duplicate');
      expect(await sums(store)).toEqual([
        [30, 1],
        [30, 1],
      ]);
    });
  });

  it('fails while answers are swallowed, and what it sent is booked once', async () => {
    const proxy = await startProxy(server.port);
    closing.push(() => proxy.close());
    const store = storeAt(proxy.port);
    await reserve(store, 'a', 40);
    proxy.mode = 'swallow';
    expect(await failure(settle(store, 'a', 30))).toMatch(/did not answer within/);
    const other = storeAt(server.port);
    expect(await settle(other, 'a', 30)).toBe('duplicate');
    expect(await sums(other)).toEqual([
      [30, 0],
      [30, 0],
    ]);
  });

  it('reserves nothing on a server that is full, and books what was used', async () => {
    const store = storeAt(server.port);
    for (let index = 0; index < 8; index += 1) await reserve(store, `held-${index}`, 5);
    await admin.config('SET', 'maxmemory', '1');
    expect(await failure(reserve(store, 'b', 10))).toMatch(/OOM/);
    for (let index = 0; index < 8; index += 1) expect(await settle(store, `held-${index}`, 4)).toBe('settled');
    await admin.config('SET', 'maxmemory', '0');
    expect(await sums(store)).toEqual([
      [32, 0],
      [32, 0],
    ]);
  });

  it('changes nothing on a server that has become a replica', async () => {
    const store = storeAt(server.port);
    for (let index = 0; index < 8; index += 1) await reserve(store, `held-${index}`, 5);
    await admin.replicaof('127.0.0.1', 1);
    expect(await failure(reserve(store, 'b', 10))).toMatch(/READONLY/);
    for (let index = 0; index < 8; index += 1) expect(await failure(settle(store, `held-${index}`, 4))).toMatch(/READONLY/);
    await admin.replicaof('NO', 'ONE');
    expect(await sums(store)).toEqual([
      [0, 40],
      [0, 40],
    ]);
    for (let index = 0; index < 8; index += 1) expect(await settle(store, `held-${index}`, 4)).toBe('settled');
  });

  it('says once that the server has lost its data, and begins anew', async () => {
    const store = storeAt(server.port);
    await reserve(store, 'a', 40);
    await admin.flushall();
    expect(await settle(store, 'a', 30), 'what was used is booked all the same').toBe('late');
    await expect(reserve(store, 'b', 10)).rejects.toBeInstanceOf(StoreDataLostError);
    expect(await reserve(store, 'c', 10)).toMatchObject({ granted: true });
    expect(await sums(store)).toEqual([
      [30, 10],
      [30, 10],
    ]);
  });

  it('counts by the clock of the server, whatever the clock of the process says', async () => {
    const store = storeAt(server.port);
    const day = 86_400_000;
    const midnight = Math.ceil((Number((await admin.time())[0]) * 1000) / day) * day;
    try {
      for (const wrongBy of [-40 * day, 40 * day, 3_600_000]) {
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wrongBy });
        const reply = await reserve(store, `wrong by ${wrongBy}`, 1);
        vi.useRealTimers();
        expect(reply).toMatchObject({ granted: true, accounts: [{ resetsAt: null }, { resetsAt: midnight }] });
      }
    } finally {
      vi.useRealTimers();
    }
    expect(await sums(store)).toEqual([
      [0, 3],
      [0, 3],
    ]);
  });

  it('sends one message per step in a loop, the settlement with the next reservation', async () => {
    const store = redisStore(connected(server.port), { settleWithinMs: 5_000 });
    await reserve(store, 'warm', 0);
    await admin.config('RESETSTAT');
    const settlements: Promise<string>[] = [];
    for (let step = 0; step < 50; step += 1) {
      await reserve(store, `step-${step}`, 1);
      settlements.push(settle(store, `step-${step}`, 1));
    }
    const calls = async (): Promise<number> => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1]);
    expect(await calls()).toBe(50);
    await store.flush?.();
    expect(await calls()).toBe(51);
    expect(await Promise.all(settlements)).toEqual(settlements.map(() => 'settled'));
  });

  it('sends a settlement by itself when no reservation comes', async () => {
    const store = redisStore(connected(server.port), { settleWithinMs: 20 });
    await reserve(store, 'a', 10);
    expect(await settle(store, 'a', 7)).toBe('settled');
    await reserve(store, 'b', 10);
    void settle(store, 'b', 2).catch(() => {});
    expect(await sums(store), 'who reads sees what he has done').toEqual([
      [9, 0],
      [9, 0],
    ]);
  });

  it('opens a client for a URL, and closes it', async () => {
    const store = redisStore(`redis://127.0.0.1:${server.port}`);
    expect(await reserve(store, 'a', 10)).toMatchObject({ granted: true });
    const clients = async (): Promise<number> => Number(/connected_clients:(\d+)/.exec(await admin.info('clients'))?.[1]);
    expect(await clients()).toBe(2);
    await store.close?.();
    await vi.waitFor(async () => expect(await clients()).toBe(1));
  });

  it('names the settings of a server that endanger budgets', async () => {
    const store = storeAt(server.port);
    expect(await store.check()).toEqual([]);
    await admin.config('SET', 'maxmemory', '100mb');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await admin.config('SET', 'appendonly', 'no');
    expect((await store.check()).map(({ code }) => code)).toEqual(['evicts', 'not_persistent']);
    await server.kill();
    expect((await store.check()).map(({ code }) => code)).toEqual(['not_answering']);
  });
});

describe('redisStore', () => {
  it.each([
    ['client', () => redisStore({} as never)],
    ['client', () => redisStore('http://127.0.0.1')],
    ['prefix', () => redisStore('redis://x', { prefix: 'a{b}' })],
    ['retention', () => redisStore('redis://x', { retention: '0s' })],
    ['remember', () => redisStore('redis://x', { remember: 'long' as never })],
    ['settleWithinMs', () => redisStore('redis://x', { settleWithinMs: -1 })],
    ['timeoutMs', () => redisStore('redis://x', { timeoutMs: Number.NaN })],
    ['restMs', () => redisStore('redis://x', { restMs: 0 })],
  ])('refuses an unusable %s by name', (name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(`${name}:`) as string }));
  });
});
