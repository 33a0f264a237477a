import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisStore } from '../../integrations/redis/index.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';

let stores = 0;
const freshPrefix = (): string => `leased-${process.pid}-${(stores += 1)}`;

describe.skipIf(!hasRedis)('the Redis store under leases', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.port);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  describe.each([
    ['of a few steps', { usd: 50e-9, for: '5s' } as const],
    ['of as much as there may be', { for: '1h' } as const],
    ['of some of the accounts', { for: '1h', scopes: ['run'] } as const],
  ])('%s', (_, lease) => {
    storeContract({ test, expect }, ({ now }) => redisStore(client, { now, prefix: freshPrefix(), settleWithinMs: 0, lease }), {
      tells: 'together',
    });
  });
});
