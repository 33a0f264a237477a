import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { hasRedis, startRedis, startRedisCluster, type RedisServer } from '../../support/redis-server.ts';

const root = path.join(import.meta.dirname, '..', '..', '..');
const call: Amounts = { ...zero, modelCalls: 1 };
const account = (scope: string, more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: scope === 'global' ? '' : 'acme',
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: { modelCalls: 100 },
  alertAt: [0.5],
  onExpire: 'release',
  ...more,
});
const step = async (store: RedisStore, id: string, accounts: readonly AccountRef[], actual: Amounts = call): Promise<boolean> => {
  const { granted } = await store.reserve({ id, accounts, asks: [{ base: call }], ttlMs: 60_000 });
  if (granted) await store.settle({ id, accounts, actual });
  return granted;
};
const lease = { modelCalls: 10, for: '1m' } as const;

describe.skipIf(!hasRedis)('leases', () => {
  let server: RedisServer;
  let client: Redis;
  const scripts = async (): Promise<number> => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  beforeAll(async () => {
    execFileSync(process.execPath, [path.join('scripts', 'setup.mjs'), '--build'], { cwd: root, stdio: 'ignore' });
    server = await startRedis();
    client = new Redis(server.port);
  }, 120_000);
  beforeEach(() => client.flushall());
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  it('let steps pass without a message, and tell what was used when somebody looks', async () => {
    const store = redisStore(client, { lease });
    const accounts = [account('user'), account('global')];
    await step(store, 'first', accounts);
    await client.config('RESETSTAT');
    for (const id of ['a', 'b', 'c', 'd', 'e']) expect(await step(store, id, accounts)).toBe(true);
    expect(await scripts()).toBe(0);
    expect((await redisStore(client).read(accounts[0]!)).held.modelCalls).toBe(10);
    const { settled, held } = await store.read(accounts[0]!);
    expect([settled.modelCalls, held.modelCalls]).toEqual([6, 0]);
    await store.close?.();
  });

  it.each([
    [{ usd: -1 }, 'lease.usd'],
    [{ usd: 1, for: 'soon' }, 'lease.for'],
    [{ dollars: 1 }, 'lease.dollars'],
    [{ usd: 1, scopes: 'global' }, 'lease.scopes'],
  ])('are refused when they cannot be: %j', (refused, path) => {
    expect(() => redisStore(client, { lease: refused as never })).toThrow(path);
  });

  it('grant to the last call what there is, whoever else holds a lease', async () => {
    const [one, other] = [redisStore(client, { lease }), redisStore(client, { lease })];
    const accounts = [account('user')];
    let granted = 0;
    for (let turn = 0; turn < 240; turn += 1) if (await step(turn % 2 ? one : other, `step-${turn}`, accounts)) granted += 1;
    await one.close?.();
    for (let turn = 0; turn < 30; turn += 1) if (await step(other, `last-${turn}`, accounts)) granted += 1;
    await other.close?.();
    expect(granted).toBe(100);
    expect((await redisStore(client).read(accounts[0]!)).settled.modelCalls).toBe(100);
  });

  it('book more than was held, and tell an alert once', async () => {
    const store = redisStore(client, { lease });
    const accounts = [account('user')];
    const request = (id: string) => ({ id, accounts, asks: [{ base: call }], ttlMs: 60_000 });
    expect((await store.reserve(request('first'))).granted).toBe(true);
    const { alerts } = await store.settle({ id: 'first', accounts, actual: { ...call, modelCalls: 60 } });
    expect(alerts).toMatchObject([{ scope: 'user', dimension: 'modelCalls', threshold: 0.5, settled: 60 }]);
    expect((await store.reserve(request('second'))).granted).toBe(true);
    expect(await store.settle({ id: 'second', accounts, actual: call })).toMatchObject({ status: 'settled', alerts: [] });
    expect((await store.settle({ id: 'second', accounts, actual: call })).status).toBe('duplicate');
    const { settled, overage } = await store.read(accounts[0]!);
    expect([settled.modelCalls, overage.modelCalls > 0]).toEqual([61, true]);
    await store.close?.();
  });

  it('go along with accounts that are not leased', async () => {
    const store = redisStore(client, { lease: { ...lease, scopes: ['global'] } });
    const accounts = [account('user', { limits: { modelCalls: 3 } }), account('global')];
    const granted: boolean[] = [];
    for (const id of ['a', 'b', 'c', 'd']) granted.push(await step(store, id, accounts));
    expect(granted).toEqual([true, true, true, false]);
    const sums = [await store.read(accounts[0]!), await store.read(accounts[1]!)];
    expect(sums.map(({ settled, held }) => [settled.modelCalls, held.modelCalls])).toEqual([
      [3, 0],
      [3, 0],
    ]);
    await store.close?.();
  });

  it('let steps pass while the server is away, for as long as there is something leased', async () => {
    const own = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    const connection = new Redis({ port: own.port, retryStrategy: () => 50 });
    connection.on('error', () => {});
    const store = redisStore(connection, { lease, timeoutMs: 300, restMs: 100 });
    const accounts = [account('user')];
    await step(store, 'first', accounts);
    await own.kill();
    for (const id of ['a', 'b', 'c']) expect(await step(store, id, accounts)).toBe(true);
    await own.restart();
    await expect.poll(async () => (await store.read(accounts[0]!)).settled.modelCalls, { timeout: 20_000 }).toBe(4);
    await store.close?.();
    connection.disconnect();
    await own.stop();
  });

  it('are given back whole, also where an answer was lost before', async () => {
    let isCut = false;
    const cut = new Proxy(client, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const answer: unknown = await (value as (...args: unknown[]) => unknown).apply(target, args);
          if (isCut) throw new Error('the connection was cut');
          return answer;
        };
      },
    });
    const store = redisStore(cut, { lease, restMs: 1 });
    const accounts = [account('user', { alertAt: [] })];
    await step(store, 'first', accounts);
    await store.reserve({ id: 'second', accounts, asks: [{ base: call }], ttlMs: 60_000 });
    isCut = true;
    await expect(store.read(accounts[0]!)).rejects.toThrow('cut');
    isCut = false;
    await store.settle({ id: 'second', accounts, actual: call });
    await expect.poll(() => store.close?.().then(() => 'closed', String)).toBe('closed');
    const { settled, held } = await redisStore(client).read(accounts[0]!);
    expect([settled.modelCalls, held.modelCalls]).toEqual([2, 0]);
  });

  const worker = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [path.join(root, 'test', 'support', 'redis-worker.mjs'), String(server.port), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  it('of 8 processes with 50 runs each never grant more than there is', async () => {
    const outputs = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const child = worker('many-leased', '50');
        let text = '';
        child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
        await once(child, 'exit');
        return Number(text);
      }),
    );
    const granted = outputs.reduce((sum, each) => sum + each, 0);
    expect(granted).toBeGreaterThan(0);
    expect(granted).toBeLessThanOrEqual(100);
    const { settled, held } = await redisStore(client).read(account('user'));
    expect([settled.modelCalls, held.modelCalls]).toEqual([granted, 0]);
  }, 120_000);

  it.each(['release', 'charge'])('of a process that was killed are freed, or go on counting: %s', async (policy) => {
    const child = worker('lease', policy);
    await once(child.stdout!, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const user = account('leased', { onExpire: policy === 'charge' ? 'charge' : 'release' });
    const before = await redisStore(client).read(user);
    expect(before.held.modelCalls).toBe(10);
    // The server's clock, put forward past the life of a lease.
    const later = redisStore(client, { now: () => Date.now() + 10 * 60_000 });
    const { settled, held, unconfirmed } = await later.read(user);
    expect([settled.modelCalls, held.modelCalls, unconfirmed.modelCalls]).toEqual([0, 0, policy === 'charge' ? 10 : 0]);
  });
});

describe.skipIf(!hasRedis)('leases on a cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    client = new Cluster(cluster.ports.map((port) => ({ host: '127.0.0.1', port })));
  }, 60_000);
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });

  it('of the scope `global` never add up to more than there is, across tenants and processes', async () => {
    const stores = Array.from({ length: 4 }, () => redisStore(client, { lease: { ...lease, scopes: ['global'] } }));
    const granted = await Promise.all(
      Array.from({ length: 200 }, (_, number) => {
        const accounts = [account('tenant', { tenant: `tenant-${number % 7}` }), account('global')];
        return step(stores[number % stores.length]!, `step-${number}`, accounts);
      }),
    );
    const count = granted.filter(Boolean).length;
    expect(count).toBeLessThanOrEqual(100);
    for (const store of stores) await store.close?.();
    const last = redisStore(client);
    expect((await last.read(account('global'))).settled.modelCalls).toBe(count);
    expect((await last.read(account('global'))).held.modelCalls).toBe(0);
    for (let left = 100 - count; left > 0; left -= 1) expect(await step(last, `rest-${left}`, [account('global')])).toBe(true);
    expect(await step(last, 'beyond', [account('global')])).toBe(false);
  });
});
