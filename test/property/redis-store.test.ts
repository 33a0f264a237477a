import fc from 'fast-check';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { redisStore } from '../../integrations/redis/index.ts';
import type { Store } from '../../src/stores/store.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { hasRedis, startRedis, type RedisServer } from '../support/redis-server.ts';
import { storeCommands, testAccounts } from '../support/store-commands.ts';
import { storeModel } from '../support/store-model.ts';

/** Many processes as one: each reservation belongs to one of them, readers and operators are in any. */
function spread(stores: readonly [Store, ...Store[]]): Store {
  let turn = 0;
  const ownerOf = (id: string): Store => stores[Number(id.replaceAll(/\D/g, '')) % stores.length] ?? stores[0];
  const anyone = (): Store => stores[(turn += 1) % stores.length] ?? stores[0];
  return {
    name: 'many',
    reserve: (request) => ownerOf(request.id).reserve(request),
    settle: (request) => ownerOf(request.id).settle(request),
    extend: (id, ttlMs) => ownerOf(id).extend(id, ttlMs),
    read: (account) => anyone().read(account),
    adjust: (account, adjustment) => anyone().adjust(account, adjustment),
    list: (query) => anyone().list(query),
    erase: (account) => anyone().erase(account),
  };
}

describe.skipIf(!hasRedis)('Redis stores of several clients', () => {
  let server: RedisServer;
  let close: () => void;
  let runs = 0;
  let storeAt: (prefix: string, now: () => number) => Store;

  beforeAll(async () => {
    server = await startRedis();
    const [first, second] = [new Redis(server.port), new Redis(server.port)];
    const third = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await third.connect();
    close = () => {
      first.disconnect();
      second.disconnect();
      third.destroy();
    };
    storeAt = (prefix, now) => {
      const options = { prefix, now, settleWithinMs: 0 };
      return spread([redisStore(first, options), redisStore(second, options), redisStore(third, options)]);
    };
  });
  afterAll(async () => {
    close();
    await server.stop();
  });

  it('agree together with the model after every operation, whatever their order', async () => {
    const starts = fc.constantFrom(Date.UTC(2026, 0, 15, 12), Date.UTC(2026, 2, 28, 22, 30), Date.UTC(2028, 1, 28, 23, 59));
    await fc.assert(
      fc.asyncProperty(starts, storeCommands(50), async (start, commands) => {
        const clock = fakeClock(start);
        const store = storeAt(`run-${(runs += 1)}`, clock.now);
        const setup = { model: storeModel(testAccounts, start), real: { store, clock, alerts: new Set<string>() } };
        await fc.asyncModelRun(() => setup, commands);
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
