import { setTimeout as pause } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore, type RedisClient } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { hasRedis, redisCli, startRedisCluster } from '../../support/redis-server.ts';

const host = '127.0.0.1';

const account = (tenant: string, scope: string): AccountRef => ({
  tenant,
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: { steps: 1_000 },
  alertAt: [],
  onExpire: 'release',
});

/** The same message again until it is answered, as the guard does: by the id it counts once. */
async function untilAnswered<T>(work: () => Promise<T> | T): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= 100) throw error;
      await pause(50);
    }
  }
}

describe.skipIf(!hasRedis)('the Redis store while the slot of a tenant moves to another server', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  /** Moves a slot from the server that has it to another, key by key. */
  async function move(slot: string): Promise<void> {
    const ids = cluster.ports.map((port) => redisCli(port, 'CLUSTER', 'MYID'));
    const at = cluster.ports.findIndex((port) => redisCli(port, 'CLUSTER', 'COUNTKEYSINSLOT', slot) !== '0');
    const to = (at + 1) % cluster.ports.length;
    const [from, target] = [cluster.ports[at]!, cluster.ports[to]!];
    redisCli(target, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[at]!);
    redisCli(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
    for (
      let keys = redisCli(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '3');
      keys !== '';
      keys = redisCli(from, 'CLUSTER', 'GETKEYSINSLOT', slot, '3')
    ) {
      redisCli(from, 'MIGRATE', host, String(target), '', '0', '5000', 'KEYS', ...keys.split('\n'));
      await pause(5);
    }
    for (const port of [target, from]) redisCli(port, 'CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
  }

  async function countsThrough(client: RedisClient, tenant: string): Promise<void> {
    const store = redisStore(client, { settleWithinMs: 0, restMs: 10 });
    const accounts = [account(tenant, 'run'), account(tenant, 'user')];
    const used = { ...zero, steps: 1 };
    let isMoved = false;
    let steps = 0;
    const work = (async () => {
      for (let after = 0; after < 10; after += isMoved ? 1 : 0) {
        const id = `step-${(steps += 1)}`;
        await untilAnswered(() => store.reserve({ id, accounts, asks: [{ base: used }], ttlMs: 60_000 }));
        await untilAnswered(() => store.settle({ id, accounts, actual: used }));
      }
    })();
    await untilAnswered(async () => {
      if ((await store.read(accounts[0]!)).settled.steps < 3) throw new Error('not yet');
    });
    await move(redisCli(cluster.ports[0]!, 'CLUSTER', 'KEYSLOT', `{${tenant}}`));
    isMoved = true;
    await work;
    for (const each of accounts) {
      const { settled, held } = await store.read(each);
      expect([settled.steps, held.steps]).toEqual([steps, 0]);
    }
  }

  it('counts every step once with ioredis', async () => {
    const client = new Cluster(cluster.ports.map((port) => ({ host, port })));
    try {
      await countsThrough(client, 'acme');
    } finally {
      client.disconnect();
    }
  }, 60_000);

  it('counts every step once with node-redis', async () => {
    const client = createCluster({ rootNodes: cluster.ports.map((port) => ({ url: `redis://${host}:${port}` })) });
    await client.connect();
    try {
      await countsThrough(client, 'other');
    } finally {
      client.destroy();
    }
  }, 60_000);
});
