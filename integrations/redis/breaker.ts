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

/** What is known of the server, or in a cluster of the server of one slot. */
interface Line {
  /** Nobody asks before this moment; 0 while all is well. */
  downUntil: number;
  isTrying: boolean;
  answeredAt: number;
}

/** How many slots are told apart in a cluster. */
const LINES_MOST = 10_000;

/**
 * Commands with a time limit. Once the server has not answered, further commands fail at once, so that a dead server costs
 * one wait and not one for each step; after a rest one command tries again. In a cluster that is so for each slot: that one
 * server is dead says nothing of the others. A connection that broke on the way is tried once more at once: every script may
 * be sent twice, by the id in it.
 */
export function withBreaker(redis: RedisCommands, { timeoutMs, restMs }: BreakerOptions): RedisCommands {
  const lines = new Map<string, Line>();
  const newLine = (): Line => ({ downUntil: 0, isTrying: false, answeredAt: 0 });

  function lineOf(key: string | undefined): Line {
    const name = redis.isCluster ? tagOf(key) : '';
    let line = lines.get(name);
    if (line) return line;
    // What is forgotten of a dead server is learnt by one more wait.
    if (lines.size >= LINES_MOST) lines.clear();
    lines.set(name, (line = newLine()));
    return line;
  }

  /**
   * Waits until the server has been silent for too long. One that answers others is busy, and not dead. It is looked at
   * several times: when this process itself was busy, the answers are there and only not yet read.
   */
  function silence(line: Line): { readonly promise: Promise<never>; end(): void } {
    let timer: NodeJS.Timeout;
    let [seenAt, silentLooks] = [line.answeredAt, 0];
    const promise = new Promise<never>((_, reject) => {
      const look = (): void => {
        silentLooks = line.answeredAt === seenAt ? silentLooks + 1 : 0;
        seenAt = line.answeredAt;
        if (silentLooks >= LOOKS) reject(new ServerSilence(timeoutMs));
        else timer = setTimeout(look, timeoutMs / LOOKS);
      };
      timer = setTimeout(look, timeoutMs / LOOKS);
    });
    return { promise, end: () => clearTimeout(timer) };
  }

  async function withinTime<T>(line: Line, work: Promise<T>): Promise<T> {
    const { promise, end } = silence(line);
    try {
      const answer = await Promise.race([work, promise]);
      line.answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (isRefusal(error)) line.answeredAt = performance.now();
      throw error;
    } finally {
      end();
    }
  }

  async function attempt(line: Line, command: () => Promise<unknown>): Promise<unknown> {
    try {
      return await withinTime(line, command());
    } catch (error) {
      if (isRefusal(error) || error instanceof ServerSilence) throw error;
      return withinTime(line, command());
    }
  }

  async function guarded(line: Line, command: () => Promise<unknown>): Promise<unknown> {
    if (line.downUntil > 0 && (line.isTrying || Date.now() < line.downUntil)) throw new ServerResting(line.downUntil - Date.now());
    line.isTrying = line.downUntil > 0;
    try {
      const reply = await attempt(line, command);
      line.downUntil = 0;
      return reply;
    } catch (error) {
      line.downUntil = isRefusal(error) ? 0 : Date.now() + restMs;
      throw error;
    } finally {
      line.isTrying = false;
    }
  }

  return {
    isCluster: redis.isCluster,
    send: (key, command) => guarded(lineOf(key), () => redis.send(key, command)),
    servers: async () => (await redis.servers()).map((send) => (command) => withinTime(newLine(), send(command))),
  };
}

/** The part of a key that decides on its slot. */
const tagOf = (key = ''): string => /\{([^}]+)\}/.exec(key)?.[1] ?? key;

/** The server has not answered a short time ago, and was not asked again: nothing was sent. */
class ServerResting extends Error {
  readonly wasSent = false;
  constructor(leftMs: number) {
    super(`the Redis server did not answer; it is asked again in ${Math.max(0, leftMs)} ms`);
  }
}

class ServerSilence extends Error {
  constructor(timeoutMs: number) {
    super(`the Redis server did not answer within ${timeoutMs} ms`);
  }
}
