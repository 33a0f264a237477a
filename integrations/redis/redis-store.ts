import { checkReserve, checkSettle, durationMs, type Duration, type Store } from 'holdfast';
import { storedAccounts } from './accounts.ts';
import { slotSteps } from './across-slots.ts';
import { withBreaker } from './breaker.ts';
import { checkOptions } from './check-options.ts';
import { checkServers, type ServerProblem } from './check-server.ts';
import { redisCommands, type RedisClient } from './clients.ts';
import { keyspace } from './keys.ts';
import { extendHold } from './extend-hold.ts';
import type { LeaseOptions } from './lease-terms.ts';
import { leasedSteps } from './leased-steps.ts';
import { liveReservations } from './live-reservations.ts';
import { openedCommands } from './open-client.ts';
import { storeServer } from './server.ts';
import { stepQueue } from './step-queue.ts';

/** How a Redis store keeps accounts. Everything has a default. */
export interface RedisStoreOptions {
  /** What all keys begin with, so that several guards can share a server. Default `'holdfast'`. */
  readonly prefix?: string;
  /** How long an account without a window outlives its last step. Default 30 days. */
  readonly retention?: Duration;
  /** How long an ended reservation is remembered, so that a repeated message is known as one. Default 5 minutes. */
  readonly remember?: Duration;
  /** How long a settlement may wait to travel with the next reservation, in milliseconds. 0 sends it at once. Default 50. */
  readonly settleWithinMs?: number;
  /** How long the server may be silent while it is asked, in milliseconds. Default 1,000. */
  readonly timeoutMs?: number;
  /** For how long the server is left alone once it has not answered, in milliseconds. Default 1,000. */
  readonly restMs?: number;
  /**
   * Lets this process hold parts of accounts for its own steps, which then cost no message: `{ usd: 1, for: '5s' }`. Limits hold
   * as ever; what others see is behind by what is leased, and a process that dies leaves its leases to `onExpire`. Default: none.
   */
  readonly lease?: LeaseOptions;
  /** For tests: a clock in place of the server's, in milliseconds since the epoch. */
  readonly now?: () => number;
}

/** A store in Redis. */
export interface RedisStore extends Store {
  /** Looks for settings of the server that endanger budgets: an old version, eviction, no persistence. Empty when all is well. */
  check(): Promise<ServerProblem[]>;
}

/**
 * Keeps budgets in Redis (6.2 or later) or Valkey, so that one budget holds across many processes. The same promises as the
 * memory store: a step is one script, which settles the last one and reserves the next in all accounts at once, by the
 * server's clock. In a cluster all accounts of a tenant are in one slot, and the scope `global` is reserved after them, with
 * a message of its own.
 *
 * @param client a connected client of ioredis or node-redis, single or cluster: it stays yours, the store never closes it.
 *   Or a URL (`redis://…`), for which the store opens a client of its own.
 * @throws InvalidOptionError for options or a client that cannot be used
 * @example
 * import { Redis } from 'ioredis';
 * const guard = createGuard({ store: redisStore(new Redis()), budgets: { user: { usd: 5, window: 'day' } } });
 */
export function redisStore(client: RedisClient | string, options: RedisStoreOptions = {}): RedisStore {
  const {
    prefix = 'holdfast',
    retention = '30d',
    remember = '5m',
    settleWithinMs = 50,
    timeoutMs = 1_000,
    restMs = 1_000,
    lease,
    now,
  } = options;
  checkOptions(client, { prefix, retention, remember }, { settleWithinMs, timeoutMs, restMs }, lease);
  const opened = typeof client === 'string' ? openedCommands(client) : undefined;
  const redis = withBreaker(opened ?? redisCommands(client as RedisClient), { timeoutMs, restMs });
  const server = storeServer(redis, { keys: keyspace(prefix), retentionMs: durationMs(retention), rememberMs: durationMs(remember) }, now);
  const queue = stepQueue(server, settleWithinMs);
  const exact = slotSteps(queue, redis.isCluster);
  const clock = now ?? (() => performance.now());
  const leased = lease && leasedSteps(exact, queue, lease, { isCluster: redis.isCluster, clock, serverNow: server.serverNow });
  const steps = leased ?? exact;
  /** Whoever looks sees what he has done. */
  async function written(): Promise<void> {
    await leased?.giveBack();
    await queue.flush();
  }
  const accounts = storedAccounts(server);
  const live = liveReservations();

  return {
    name: 'redis',

    async reserve(request) {
      checkReserve(request);
      const { reply, id, isHere } = await steps.reserve(request);
      if (reply.granted && !isHere) live.add(request.id, { id, accounts: request.accounts });
      return reply;
    },

    async settle(request) {
      checkSettle(request);
      const id = live.get(request.id)?.id ?? request.id;
      const reply = await steps.settle(id === request.id ? request : { ...request, id });
      live.remove(request.id);
      return reply;
    },

    async extend(id, ttlMs) {
      const extended = leased?.extend(id, ttlMs);
      if (typeof extended === 'boolean') return extended;
      const hold = extended ?? live.get(id);
      return hold ? extendHold(server, hold, ttlMs) : false;
    },

    async read(account) {
      await written();
      return accounts.read(account);
    },
    async adjust(account, adjustment) {
      await written();
      return accounts.adjust(account, adjustment);
    },
    async list(query) {
      await written();
      return accounts.list(query);
    },
    async erase(account) {
      await written();
      leased?.forget(account);
      await accounts.erase(account);
    },

    flush: () => queue.flush(),
    async close() {
      leased?.close();
      try {
        await written();
      } finally {
        await opened?.close();
      }
    },
    check: () => checkServers(redis),
  };
}
