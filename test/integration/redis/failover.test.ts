import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { hasRedis, redisCli, startRedis, type RedisServer } from '../../support/redis-server.ts';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const user: AccountRef = {
  tenant: 'acme',
  scope: 'user',
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: { usd: 100 },
  alertAt: [],
  onExpire: 'release',
};
const usd = (amount: number) => ({ ...zero, usd: amount });

const reserve = async (store: RedisStore, id: string, amount: number) =>
  store.reserve({ id, accounts: [user], asks: [{ base: usd(amount) }], ttlMs: 60_000 });
const settle = async (store: RedisStore, id: string, amount: number) =>
  (await store.settle({ id, accounts: [user], actual: usd(amount) })).status;

async function spend(store: RedisStore, name: string, steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    await reserve(store, `${name}-${step}`, 10);
    await settle(store, `${name}-${step}`, 10);
  }
}

describe.skipIf(!hasRedis)('a replica that takes over', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  /** The lines from the primary to the replica, and from the stores to whichever leads. */
  let replication: TcpProxy;
  let front: TcpProxy;
  const clients: Redis[] = [];

  beforeEach(async () => {
    primary = await startRedis();
    replication = await startProxy(primary.port);
    front = await startProxy(primary.port);
    replica = await startRedis('--replicaof', `127.0.0.1 ${replication.port}`);
    await vi.waitFor(() => expect(redisCli(replica.port, 'INFO', 'replication')).toContain('master_link_status:up'), { timeout: 20_000 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await Promise.all([front.close(), replication.close()]);
    await Promise.all([primary.stop(), replica.stop()]);
  });

  const storeOfAProcess = (): RedisStore => {
    const client = new Redis({ port: front.port, host: '127.0.0.1', retryStrategy: () => 50 });
    client.on('error', () => {});
    clients.push(client);
    return redisStore(client, { settleWithinMs: 0, restMs: 50 });
  };

  async function takeOver(): Promise<void> {
    await primary.kill();
    redisCli(replica.port, 'REPLICAOF', 'NO', 'ONE');
    front.serverPort = replica.port;
    front.cut();
  }

  const offsetOf = ({ port }: RedisServer, field: string): number =>
    Number(new RegExp(`${field}:(\\d+)`).exec(redisCli(port, 'INFO', 'replication'))?.[1]);

  /** `WAIT` would do for the writes of one's own connection only, and these are the stores'. */
  async function replicated(): Promise<void> {
    const written = offsetOf(primary, 'master_repl_offset');
    await vi.waitFor(() => expect(offsetOf(replica, 'slave_repl_offset')).toBeGreaterThanOrEqual(written), { timeout: 5_000 });
  }

  it('without the last writes is noticed by each process; what they had settled is booked again, once', async () => {
    const [first, second, idle] = [storeOfAProcess(), storeOfAProcess(), storeOfAProcess()];
    await spend(first, 'kept', 3);
    await spend(idle, 'idle', 1);
    await replicated();
    replication.mode = 'swallow';
    await spend(first, 'lost', 2);
    await spend(second, 'lost-too', 1);
    await reserve(second, 'open', 20);
    await takeOver();

    await expect(reserve(second, 'second-after', 10)).rejects.toMatchObject({ code: 'store_data_lost', lost: 'tail' });
    await expect(reserve(first, 'first-after', 10)).rejects.toMatchObject({ code: 'store_data_lost', lost: 'tail' });
    await expect(reserve(idle, 'idle-after', 10)).rejects.toMatchObject({ code: 'store_data_lost', lost: 'tail' });
    await spend(idle, 'next', 1);
    for (const store of [first, second]) await store.flush?.();
    expect(await idle.read(user)).toMatchObject({ settled: usd(80), held: usd(0), overage: { usd: expect.any(Number) as number } });
    expect(await settle(second, 'open', 20), 'a hold that was lost is booked when it is settled').toBe('late');
    expect(await reserve(first, 'too much', 1)).toMatchObject({ granted: false, denial: { settled: 100 } });
  }, 60_000);

  it('with all writes changes nothing', async () => {
    const store = storeOfAProcess();
    await spend(store, 'kept', 3);
    await reserve(store, 'open', 20);
    await replicated();
    await takeOver();
    expect(await settle(store, 'open', 15)).toBe('settled');
    expect(await reserve(store, 'after', 10)).toMatchObject({ granted: true });
    expect(await store.read(user)).toMatchObject({ settled: usd(45), held: usd(10) });
  }, 60_000);
});
