import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisStore, type RedisClient } from '../../integrations/redis/index.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { hasRedis, startRedis, startRedisCluster, type RedisServer } from '../support/redis-server.ts';

const host = '127.0.0.1';
let stores = 0;
/** Every test has keys of its own. */
const freshPrefix = (): string => `test-${process.pid}-${(stores += 1)}`;

const contractWith = (client: () => RedisClient): void =>
  storeContract({ test, expect }, ({ now }) => redisStore(client(), { now, prefix: freshPrefix(), settleWithinMs: 0 }));

describe.skipIf(!hasRedis)('the Redis store', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  describe('with ioredis', () => {
    let client: Redis;
    beforeAll(() => {
      client = new Redis(server.port, host);
    });
    afterAll(() => client.disconnect());
    contractWith(() => client);
  });

  describe('with node-redis', () => {
    let client: ReturnType<typeof createClient>;
    beforeAll(async () => {
      client = createClient({ url: `redis://${host}:${server.port}` });
      await client.connect();
    });
    afterAll(() => client.destroy());
    contractWith(() => client);
  });
});

describe.skipIf(!hasRedis)('the Redis store on a cluster of three masters', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  describe('with ioredis', () => {
    let client: Cluster;
    beforeAll(() => {
      client = new Cluster(cluster.ports.map((port) => ({ host, port })));
    });
    afterAll(() => client.disconnect());
    contractWith(() => client);
  });

  describe('with node-redis', () => {
    let client: ReturnType<typeof createCluster>;
    beforeAll(async () => {
      client = createCluster({ rootNodes: cluster.ports.map((port) => ({ url: `redis://${host}:${port}` })) });
      await client.connect();
    });
    afterAll(() => client.destroy());
    contractWith(() => client);
  });
});
