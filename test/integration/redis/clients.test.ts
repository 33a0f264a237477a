import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { redisStore } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import { hasRedis, startRedis, type RedisServer } from '../../support/redis-server.ts';

const account = { tenant: 'acme', scope: 'user', id: 'one', window: resolveWindow('lifetime'), limits: { steps: 9 }, alertAt: [] };
const step = { accounts: [{ ...account, onExpire: 'release' as const }], asks: [{ base: { ...zero, steps: 1 } }], ttlMs: 60_000 };

describe.skipIf(!hasRedis)('the client of a Redis store', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis('--appendonly', 'yes');
  });
  afterEach(() => server.stop());

  it('may be one that an access list keeps from reading settings', async () => {
    const admin = new Redis(server.port);
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-info');
    const client = new Redis(server.port, { username: 'app', password: 'secret' });
    expect(await redisStore(client).check()).toEqual([]);
    client.disconnect();
    admin.disconnect();
  });

  describe('that is opened for a URL, where ioredis is not installed', () => {
    beforeEach(() => {
      vi.doMock('ioredis', () => {
        throw new Error('Cannot find package');
      });
    });
    afterEach(() => {
      vi.doUnmock('ioredis');
    });

    it('is one of node-redis', async () => {
      const store = redisStore(`redis://127.0.0.1:${server.port}`, { lease: { for: '1h' } });
      expect((await store.reserve({ ...step, id: 'first' })).granted).toBe(true);
      await store.close?.();
    });

    it('is closed though it has never reached the server, and reaches it when it comes', async () => {
      await server.kill();
      const store = redisStore(`redis://127.0.0.1:${server.port}`, { timeoutMs: 200, restMs: 1 });
      await expect(store.reserve({ ...step, id: 'first' })).rejects.toThrow('did not answer');
      const early = redisStore(`redis://127.0.0.1:${server.port}`, { timeoutMs: 200, restMs: 1 });
      await expect(early.reserve({ ...step, id: 'first' })).rejects.toThrow('did not answer');
      await early.close?.();
      await server.restart();
      const answered = async (): Promise<boolean> => (await store.reserve({ ...step, id: 'second' })).granted;
      await expect.poll(() => answered().catch(() => false), { timeout: 20_000 }).toBe(true);
      await store.close?.();
    });
  });
});
