/**
 * One budget across many processes: `redisStore` keeps accounts in Redis or Valkey.
 *
 * @module
 */

export { redisStore, type RedisStoreOptions } from './redis-store.ts';
export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './clients.ts';
