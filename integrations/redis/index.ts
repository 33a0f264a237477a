/**
 * One budget across many processes: `redisStore` keeps accounts in Redis or Valkey.
 *
 * @module
 */

export { redisStore, type RedisStore, type RedisStoreOptions } from './redis-store.ts';
export type { LeaseOptions } from './lease-terms.ts';
export { StoreDataLostError } from './data-loss.ts';
export type { ServerProblem } from './check-server.ts';
export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './clients.ts';
