import type { RedisCommands } from './clients.ts';

/** How a server that does not answer is treated. */
export interface BreakerOptions {
  /** How long the server may be silent while it is asked. */
  readonly timeoutMs: number;
  /** For how long nobody asks again, once an answer failed to come. */
  readonly restMs: number;
}

/** How often it is looked at within that time. */
const LOOKS = 4;

/** An answer of the server that is a refusal (`READONLY …`, `OOM …`): it is there. */
const isRefusal = (error: unknown): boolean => error instanceof Error && /^-?[A-Z]{2,}\b/.test(error.message);

/**
 * Commands with a time limit. Once the server has not answered, further commands fail at once, so that a dead server costs
 * one wait and not one for each step; after a rest one command tries again. A connection that broke on the way is tried once
 * more at once: every script may be sent twice, by the id in it.
 */
export function withBreaker(redis: RedisCommands, { timeoutMs, restMs }: BreakerOptions): RedisCommands {
  let downUntil = 0;
  let isTrying = false;
  let answeredAt = 0;

  /**
   * Waits until the server has been silent for too long. One that answers others is busy, and not dead. It is looked at
   * several times: when this process itself was busy, the answers are there and only not yet read.
   */
  function silence(): { readonly promise: Promise<never>; end(): void } {
    let timer: NodeJS.Timeout;
    let [seenAt, silentLooks] = [answeredAt, 0];
    const promise = new Promise<never>((_, reject) => {
      const look = (): void => {
        silentLooks = answeredAt === seenAt ? silentLooks + 1 : 0;
        seenAt = answeredAt;
        if (silentLooks >= LOOKS) reject(new ServerSilence(timeoutMs));
        else timer = setTimeout(look, timeoutMs / LOOKS);
      };
      timer = setTimeout(look, timeoutMs / LOOKS);
    });
    return { promise, end: () => clearTimeout(timer) };
  }

  async function withinTime<T>(work: Promise<T>): Promise<T> {
    const { promise, end } = silence();
    try {
      const answer = await Promise.race([work, promise]);
      answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (isRefusal(error)) answeredAt = performance.now();
      throw error;
    } finally {
      end();
    }
  }

  async function attempt(command: () => Promise<unknown>): Promise<unknown> {
    try {
      return await withinTime(command());
    } catch (error) {
      if (isRefusal(error) || error instanceof ServerSilence) throw error;
      return withinTime(command());
    }
  }

  async function guarded(command: () => Promise<unknown>): Promise<unknown> {
    if (downUntil > 0 && (isTrying || Date.now() < downUntil)) {
      throw new Error(`the Redis server did not answer; it is asked again in ${Math.max(0, downUntil - Date.now())} ms`);
    }
    isTrying = downUntil > 0;
    try {
      const reply = await attempt(command);
      downUntil = 0;
      return reply;
    } catch (error) {
      downUntil = isRefusal(error) ? 0 : Date.now() + restMs;
      throw error;
    } finally {
      isTrying = false;
    }
  }

  return {
    isCluster: redis.isCluster,
    send: (key, command) => guarded(() => redis.send(key, command)),
    servers: async () => (await redis.servers()).map((send) => (command) => withinTime(send(command))),
  };
}

class ServerSilence extends Error {
  constructor(timeoutMs: number) {
    super(`the Redis server did not answer within ${timeoutMs} ms`);
  }
}
