import type { RedisCommands } from './clients.ts';
import { packed, type RequestSettings, type ScriptCall } from './request.ts';
import { runScript, scripts } from './scripts.ts';

/** The server as the store talks to it: scripts over accounts, by the server's own clock. */
export interface StoreServer {
  readonly redis: RedisCommands;
  /**
   * Runs a script over accounts and gives the parts of its answer. Asks again when the server is in another stretch of time
   * than this process believed, and wholly when it needs keys that were not sent.
   */
  run(script: 'step' | 'read' | 'extend', write: (settings: RequestSettings, isWhole: boolean) => ScriptCall): Promise<readonly unknown[]>;
  /** What scripts are told of keys, time and keeping. */
  settings(): RequestSettings;
}

/** What a script answers first: see lua/step.lua. */
const [ANSWERED, LACKS_KEYS] = [1, 2];

/** With the clocks of two servers that hand over to each other one wrong answer is thinkable, and a second one is not. */
const ATTEMPTS = 4;

export function storeServer(
  redis: RedisCommands,
  fixed: Omit<RequestSettings, 'instead' | 'serverNow'>,
  now: (() => number) | undefined,
): StoreServer {
  /** How far the server's clock is ahead of this process's. */
  let aheadMs = 0;
  const { keys, retentionMs, rememberMs } = fixed;
  const settings = (): RequestSettings => {
    const instead = now?.();
    return { keys, retentionMs, rememberMs, instead, serverNow: instead ?? Date.now() + aheadMs };
  };
  return {
    redis,
    settings,
    async run(script, write) {
      let isWhole = false;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const { keys, numbers, texts } = write(settings(), isWhole);
        const reply = await runScript(redis, scripts[script], keys, [packed(numbers), ...texts]);
        if (!Array.isArray(reply)) throw new TypeError('the server answered something else than a list; is it Redis 6.2 or later?');
        const [answer, serverNow, ...parts] = reply as readonly unknown[];
        if (!now) aheadMs = Number(serverNow) - Date.now();
        if (Number(answer) === ANSWERED) return parts;
        isWhole ||= Number(answer) === LACKS_KEYS;
      }
      throw new Error('the server’s clock moves too fast to be followed');
    },
  };
}
