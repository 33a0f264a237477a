import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { startRedis, startRedisCluster } from './redis-server.ts';

/** A server and a client of it for the tests of one `describe`, from before the first to after the last. */
export const ownRedis = (): { readonly client: Redis } =>
  ownClient(async () => {
    const server = await startRedis();
    return { client: new Redis(server.port), stop: server.stop };
  });

/** The same on a cluster of three masters. */
export const ownRedisCluster = (): { readonly client: Cluster } =>
  ownClient(async () => {
    const { ports, stop } = await startRedisCluster();
    return { client: new Cluster(ports.map((port) => ({ host: '127.0.0.1', port }))), stop };
  });

function ownClient<Client extends Redis | Cluster>(
  start: () => Promise<{ readonly client: Client; stop(): Promise<void> }>,
): { readonly client: Client } {
  let own: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    own = await start();
  });
  afterAll(async () => {
    own.client.disconnect();
    await own.stop();
  });
  return {
    get client() {
      return own.client;
    },
  };
}
