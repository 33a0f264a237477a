import type { RedisCommands } from './clients.ts';
import { replyReader, type ReplyReader } from './reply.ts';
import { packed, type RequestSettings, type ScriptCall } from './request.ts';
import { runScript, scripts } from './scripts.ts';

/** The server as the store talks to it: scripts over accounts, by the server's own clock. */
export interface StoreServer {
  readonly redis: RedisCommands;
  /** Runs a script over accounts. Asks again when the server is in another stretch of time than this process believed. */
  run(script: 'step' | 'read' | 'extend', write: (settings: RequestSettings) => ScriptCall): Promise<ReplyReader>;
  /** What scripts are told of keys, time and keeping. */
  settings(): RequestSettings;
}

/** With the clocks of two servers that hand over to each other one wrong answer is thinkable, and a second one is not. */
const ATTEMPTS = 3;

export function storeServer(
  redis: RedisCommands,
  fixed: Omit<RequestSettings, 'instead' | 'serverNow'>,
  now: (() => number) | undefined,
): StoreServer {
  /** How far the server's clock is ahead of this process's. */
  let aheadMs = 0;
  const settings = (): RequestSettings => ({ ...fixed, instead: now?.(), serverNow: now?.() ?? Date.now() + aheadMs });
  return {
    redis,
    settings,
    async run(script, write) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const { keys, numbers, texts } = write(settings());
        const reader = replyReader(await runScript(redis, scripts[script], keys, [packed(numbers), ...texts]));
        const isRightTime = reader.flag();
        if (!now) aheadMs = reader.number() - Date.now();
        else reader.number();
        if (isRightTime) return reader;
      }
      throw new Error('the server’s clock moves too fast to be followed');
    },
  };
}
