import { describe, expect, test } from 'vitest';
import { redisStore } from '../../integrations/redis/index.ts';
import { storeContract } from '../../src/testing/store-contract.ts';
import { ownRedis } from '../support/own-redis.ts';
import { hasRedis } from '../support/redis-server.ts';

let stores = 0;
const freshPrefix = (): string => `leased-${process.pid}-${(stores += 1)}`;

describe.skipIf(!hasRedis)('the Redis store under leases', () => {
  const redis = ownRedis();

  describe.each([
    ['of a few steps', { usd: 50e-9, for: '5s' } as const],
    ['of as much as there may be', { for: '1h' } as const],
    ['of some of the accounts', { for: '1h', scopes: ['run'] } as const],
  ])('%s', (_, lease) => {
    storeContract({ test, expect }, ({ now }) => redisStore(redis.client, { now, prefix: freshPrefix(), settleWithinMs: 0, lease }), {
      tells: 'together',
    });
  });
});
