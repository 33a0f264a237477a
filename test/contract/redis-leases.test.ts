import { describe, expect, test } from 'vitest';
import { redisStore, type LeaseOptions, type RedisClient } from '../../integrations/redis/index.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { ownRedis, ownRedisCluster } from '../support/own-redis.ts';
import { hasRedis } from '../support/redis-server.ts';

let stores = 0;
const freshPrefix = (): string => `leased-${process.pid}-${(stores += 1)}`;

const leases: readonly [string, LeaseOptions][] = [
  ['of a few steps', { usd: 50e-9, for: '5s' }],
  ['of as much as there may be', { for: '1h' }],
  ['of some of the accounts', { for: '1h', scopes: ['run'] }],
];

const contractWith = (redis: { readonly client: RedisClient }): void =>
  describe.each(leases)('%s', (_, lease) => {
    storeContract({ test, expect }, ({ now }) => redisStore(redis.client, { now, prefix: freshPrefix(), settleWithinMs: 0, lease }), {
      tells: 'together',
    });
  });

describe.skipIf(!hasRedis)('the Redis store under leases', () => contractWith(ownRedis()));

describe.skipIf(!hasRedis)('the Redis store under leases on a cluster of three masters', () => contractWith(ownRedisCluster()));
