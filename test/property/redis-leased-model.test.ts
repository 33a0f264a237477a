import fc from 'fast-check';
import { describe, it } from 'vitest';
import { redisStore, type LeaseOptions } from '../../integrations/redis/index.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { ownRedis } from '../support/own-redis.ts';
import { hasRedis } from '../support/redis-server.ts';
import { storeCommands, testAccounts } from '../support/store-commands.ts';
import { storeModel } from '../support/store-model.ts';

/** A rolling window is not leased here: what is under way goes along into its next slot, and counts the longer. */
const scopes = ['run', 'session', 'user', 'tenant'];
const some: readonly [string, LeaseOptions, most: number][] = [
  ['large steps and leases', { for: '1h', scopes }, 40],
  ['small steps and large leases', { for: '1h', scopes }, 3],
  ['small steps and leases', { usd: 12e-9, tokens: 12, for: '5s', scopes }, 3],
  ['small steps of which few accounts are leased', { for: '1m', scopes: ['run', 'tenant'] }, 3],
];

describe.skipIf(!hasRedis)('a Redis store under leases', () => {
  const redis = ownRedis();
  let runs = 0;

  it.each(some)(
    'agrees with the model after every operation: %s',
    async (_, lease, most) => {
      const starts = fc.constantFrom(Date.UTC(2026, 0, 15, 12), Date.UTC(2026, 2, 28, 22, 30), Date.UTC(2028, 1, 28, 23, 59));
      await fc.assert(
        fc.asyncProperty(starts, storeCommands(50, most), async (start, commands) => {
          const clock = fakeClock(start);
          const store = redisStore(redis.client, { prefix: `run-${(runs += 1)}`, now: clock.now, settleWithinMs: 0, lease });
          const setup = { model: storeModel(testAccounts, start), real: { store, clock, alerts: new Set<string>(), tellsTogether: true } };
          try {
            await fc.asyncModelRun(() => setup, commands);
          } finally {
            await store.close?.();
          }
        }),
        { numRuns: 60 },
      );
    },
    120_000,
  );
});
