import { createHash } from 'node:crypto';
import type { RedisCommands, WireArgument } from './clients.ts';
import { expireScript, extendScript, readScript, stepScript } from './scripts.gen.ts';

interface Script {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): Script => ({ source, sha: createHash('sha1').update(source).digest('hex') });

export const scripts = {
  step: script(stepScript),
  read: script(readScript),
  extend: script(extendScript),
  expire: script(expireScript),
} as const;

/** Runs a script by its hash; a server that does not know it (it was restarted, or is new) is sent the whole. */
export async function runScript(
  redis: RedisCommands,
  { sha, source }: Script,
  keys: readonly string[],
  args: readonly WireArgument[],
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await redis.send(keys[0], ['EVALSHA', sha, ...rest]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return redis.send(keys[0], ['EVAL', source, ...rest]);
  }
}
