import type { RedisCommands } from './clients.ts';
import { expireHolds } from './expire-holds.ts';
import { argumentsOf, type RequestSettings, type ScriptCall } from './request.ts';
import { runScript, scripts } from './scripts.ts';

/** The server as the store talks to it: scripts over accounts, by the server's own clock. */
export interface StoreServer {
  readonly redis: RedisCommands;
  /**
   * Runs a script over accounts and gives the parts of its answer. Asks again when the server is in another stretch of time
   * than this process believed, wholly when it needs keys that were not sent, and after overdue holds were freed.
   */
  run(script: keyof typeof scripts, write: (settings: RequestSettings, isWhole: boolean) => ScriptCall): Promise<ScriptReply>;
  /** What scripts are told of keys, time and keeping. */
  settings(): RequestSettings;
  /** The server's time, as this process knows it. */
  serverNow(): number;
}

/** What a script answers: bytes that begin with a code and the server's time, and what else it may have to say. */
export type ScriptReply = readonly [bytes: Buffer, ...rest: unknown[]];

/** What a script answers first: see lua/clock.lua. */
const [DONE, LACKS_KEYS, OVERDUE] = [1, 2, 3];

/** With the clocks of two servers that hand over to each other one wrong answer is thinkable, and a second one is not. */
const ATTEMPTS = 4;

export function storeServer(
  redis: RedisCommands,
  fixed: Omit<RequestSettings, 'instead' | 'serverNow' | 'overdueAt'>,
  now: (() => number) | undefined,
): StoreServer {
  /** How far the server's clock is ahead of this process's. */
  let aheadMs = 0;
  const { keys, retentionMs, rememberMs } = fixed;
  const settings = (): RequestSettings => {
    const instead = now?.();
    return { keys, retentionMs, rememberMs, instead, serverNow: instead ?? Date.now() + aheadMs, overdueAt: -1 };
  };
  const serverNow = (): number => now?.() ?? Date.now() + aheadMs;
  async function run(
    script: keyof typeof scripts,
    write: (settings: RequestSettings, isWhole: boolean) => ScriptCall,
  ): Promise<ScriptReply> {
    let [isWhole, overdueAt] = [false, -1];
    for (let attempt = 0; attempt < ATTEMPTS;) {
      const call = write(overdueAt < 0 ? settings() : { ...settings(), overdueAt }, isWhole);
      const reply = replyIn(await runScript(redis, scripts[script], call.keys, argumentsOf(call)));
      const [bytes, holds, ...overdue] = reply;
      const [answer, serverNow] = [bytes.readDoubleLE(0), bytes.readDoubleLE(8)];
      if (!now) aheadMs = serverNow - Date.now();
      if (answer === DONE) return reply;
      if (answer === OVERDUE) {
        // What becomes overdue meanwhile is not waited for, so that this ends.
        if (overdueAt < 0) overdueAt = serverNow;
        await expireHolds({ redis, run }, String(holds), overdue.map(String));
      } else {
        isWhole ||= answer === LACKS_KEYS;
        attempt += 1;
      }
    }
    throw new Error('the server’s clock moves too fast to be followed');
  }
  return { redis, settings, serverNow, run };
}

function replyIn(reply: unknown): ScriptReply {
  const list: readonly unknown[] = Array.isArray(reply) ? reply : [reply];
  if (!Buffer.isBuffer(list[0])) throw new TypeError('the server answered something else than bytes; is it Redis 6.2 or later?');
  return list as ScriptReply;
}
