import { createGuard, type Guard, type GuardEvents, type StoreErrorPolicy } from 'holdfast';
import { Cluster, Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { hasRedis, redisCli, startRedis, startRedisCluster, type RedisServer } from '../../support/redis-server.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const spend = (guard: Guard<never, never>, usd = 1): Promise<string> =>
  guard.run({ scopes: { user: 'ann' } }, (run) =>
    run.step({ kind: 'tool', name: 'buy', args: { at: run.id }, usd }, () => ({ output: 'ok' })),
  );
const usedUsd = async (guard: Guard<never, never>): Promise<number> => (await guard.read('user', 'ann')).used.usd;

describe.skipIf(!hasRedis)('a guard whose Redis is away for a while', () => {
  let server: RedisServer;
  const closing: (() => unknown)[] = [];

  beforeEach(async () => {
    server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await server.stop();
  });

  function process(port: number, onStoreError: StoreErrorPolicy, { timeoutMs = 300, restMs = 100 } = {}) {
    const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
    client.on('error', () => {});
    closing.push(() => client.disconnect());
    const guard = createGuard({
      store: redisStore(client, { settleWithinMs: 0, timeoutMs, restMs }),
      budgets: { user: { usd: 50, onStoreError } },
    });
    const errors: GuardEvents['store:error'][] = [];
    const recovered: number[] = [];
    guard.on('store:error', (event) => void errors.push(event));
    guard.on('store:recovered', ({ settlements }) => void recovered.push(settlements));
    return { guard, errors, recovered };
  }

  const faults: Record<string, { begin(): unknown; end(): unknown }> = {
    'killed and started again': { begin: () => server.kill(), end: () => server.restart() },
    'stopped and let go on': { begin: () => server.process.kill('SIGSTOP'), end: () => server.process.kill('SIGCONT') },
  };

  it.each(Object.keys(faults))(
    'books what two processes used without it, to the last step, once: %s',
    async (name) => {
      const { begin, end } = faults[name]!;
      const processes = [process(server.port, 'open'), process(server.port, { local: { usd: 4 } })] as const;
      for (const { guard } of processes) await spend(guard);
      await begin();
      const granted = { open: 0, local: 0 };
      for (let step = 0; step < 8; step += 1) {
        await spend(processes[0].guard);
        granted.open += 1;
        granted.local += await spend(processes[1].guard).then(
          () => 1,
          () => 0,
        );
      }
      expect(granted).toEqual({ open: 8, local: 4 });
      await end();
      // Nothing is started anew, and nobody does anything: the journals try by themselves.
      await vi.waitFor(() => expect(processes.map(({ recovered }) => recovered.length > 0)).toEqual([true, true]), { timeout: 20_000 });
      expect(processes.map(({ recovered }) => recovered.reduce((sum, each) => sum + each, 0))).toEqual([8, 4]);
      expect(await usedUsd(processes[0].guard)).toBe(14);
      for (const { guard } of processes) await spend(guard);
      expect(await usedUsd(processes[1].guard)).toBe(16);
    },
    60_000,
  );

  it('waits once for a server that is dead, and not for each step', async () => {
    // So long that the rest does not end meanwhile, however slow the machine is.
    const { guard, errors } = process(server.port, 'open', { restMs: 60_000 });
    await spend(guard);
    await server.kill();
    for (let step = 0; step < 200; step += 1) await spend(guard);
    const waited = errors.filter(({ error }) => /did not answer within/.test(String(error)));
    const atOnce = errors.filter(({ error }) => /it is asked again in/.test(String(error)));
    expect(waited.length).toBeGreaterThan(0);
    expect(atOnce.length).toBeGreaterThan(20 * waited.length);
    await server.restart();
    await guard.close();
  }, 60_000);

  it('holds a closed budget closed, and opens it again by itself', async () => {
    const { guard, errors } = process(server.port, 'closed');
    await spend(guard);
    await server.kill();
    await expect(spend(guard)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(errors.map(({ policy }) => policy)).toContain('closed');
    await server.restart();
    await vi.waitFor(() => spend(guard), { timeout: 20_000, interval: 100 });
    expect(await usedUsd(guard)).toBe(2);
  }, 60_000);

  describe('on a bad line', () => {
    let proxy: TcpProxy;
    beforeEach(async () => {
      proxy = await startProxy(server.port);
      closing.push(() => proxy.close());
    });

    it('of answers that come too late, books each step once', async () => {
      const { guard } = process(proxy.port, 'open');
      await spend(guard);
      proxy.delayMs = 900;
      for (let step = 0; step < 5; step += 1) await spend(guard);
      proxy.delayMs = 0;
      await vi.waitFor(async () => expect(await usedUsd(guard)).toBe(6), { timeout: 20_000, interval: 100 });
      await vi.waitFor(async () => expect((await guard.read('user', 'ann')).held.usd).toBe(0), { timeout: 5_000 });
    }, 60_000);

    it.each(['cut', 'half-close'] as const)(
      'that is disturbed at every other answer, books each step once: %s',
      async (mode) => {
        const { guard } = process(proxy.port, 'closed', { timeoutMs: 2_000 });
        await spend(guard);
        for (let step = 0; step < 10; step += 1) {
          proxy.mode = mode;
          await spend(guard);
        }
        proxy.mode = 'pass';
        await guard.close();
        expect(await usedUsd(guard)).toBe(11);
        expect((await guard.read('user', 'ann')).held.usd).toBe(0);
      },
      60_000,
    );

    it('with node-redis, books each step once', async () => {
      const client = createClient({ url: `redis://127.0.0.1:${proxy.port}`, socket: { reconnectStrategy: 20 } });
      client.on('error', () => {});
      await client.connect();
      closing.push(() => client.destroy());
      const guard = createGuard({ store: redisStore(client, { settleWithinMs: 0 }), budgets: { user: { usd: 50 } } });
      for (let step = 0; step < 10; step += 1) {
        proxy.mode = step % 2 === 0 ? 'cut' : 'half-close';
        await spend(guard);
      }
      proxy.mode = 'pass';
      await guard.close();
      expect(await usedUsd(guard)).toBe(10);
    }, 60_000);
  });
});

describe.skipIf(!hasRedis)('a cluster of which one server is dead', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster('--cluster-require-full-coverage', 'no');
    client = new Cluster(
      cluster.ports.map((port) => ({ host: '127.0.0.1', port })),
      { clusterRetryStrategy: () => 50 },
    );
    client.on('error', () => {});
  }, 60_000);
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });

  const account = (tenant: string): AccountRef => ({
    tenant,
    scope: 'user',
    id: 'one',
    window: resolveWindow('lifetime'),
    limits: { steps: 1_000 },
    alertAt: [],
    onExpire: 'release',
  });
  const reserve = async (store: RedisStore, tenant: string, id: string) =>
    store.reserve({ id, accounts: [account(tenant)], asks: [{ base: { ...zero, steps: 1 } }], ttlMs: 60_000 });

  it('goes on serving the tenants of the others, while those of the dead one fail without being waited for', async () => {
    const store = redisStore(client, { settleWithinMs: 0, timeoutMs: 400, restMs: 300 });
    const tenants = Array.from({ length: 24 }, (_, index) => `tenant-${index}`);
    for (const tenant of tenants) await reserve(store, tenant, `${tenant} before`);
    // The first of three servers has the first third of the slots.
    const isDead = (tenant: string): boolean => Number(redisCli(cluster.ports[1]!, 'CLUSTER', 'KEYSLOT', `{${tenant}}`)) <= 5_460;
    const expected = tenants.map((tenant) => (isDead(tenant) ? 'failed' : 'granted'));
    await cluster.servers[0]!.kill();
    let turn = 0;
    const outcomes = async (): Promise<string[]> => {
      turn += 1;
      const all = await Promise.allSettled(tenants.map((tenant) => reserve(store, tenant, `${tenant} ${turn}`)));
      return all.map(({ status }) => (status === 'fulfilled' ? 'granted' : 'failed'));
    };
    expect(new Set(expected)).toEqual(new Set(['failed', 'granted']));
    // The client takes a moment to see that a server is gone; the other tenants are not kept waiting after that.
    await vi.waitFor(async () => expect(await outcomes()).toEqual(expected), { timeout: 30_000, interval: 100 });
    for (let round = 0; round < 5; round += 1) expect(await outcomes()).toEqual(expected);
  }, 60_000);
});
