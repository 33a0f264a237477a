import type { RedisCommands, SendCommand } from './clients.ts';

/** Something about a server that endangers budgets. */
export interface ServerProblem {
  readonly code: 'too_old' | 'evicts' | 'is_cluster' | 'not_persistent' | 'not_answering';
  /** What it means, and what to do. */
  readonly message: string;
}

const OLDEST = [6, 2] as const;

/** What a server says of itself; undefined where it may not be asked. */
async function factsOf(send: SendCommand): Promise<string | undefined> {
  try {
    return String(await send(['INFO']));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return undefined;
    throw error;
  }
}

/** Looks at the settings of every server. What may not be read (an access list forbids it) is passed over. */
export async function checkServers(redis: RedisCommands): Promise<ServerProblem[]> {
  const problems = new Map<string, ServerProblem>();
  const found = (code: ServerProblem['code'], message: string): void => void problems.set(code, { code, message });
  try {
    for (const send of await redis.servers()) {
      const info = await factsOf(send);
      if (info === undefined) continue;
      const fact = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
      const [major = 0, minor = 0] = fact('redis_version').split('.').map(Number);
      if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
        found('too_old', `the server is Redis ${fact('redis_version')}; budgets need 6.2 or later`);
      const policy = fact('maxmemory_policy');
      if (fact('maxmemory') !== '0' && policy !== '' && policy !== 'noeviction') {
        found('evicts', `maxmemory-policy is ${policy}: a full server would forget spend; set it to noeviction`);
      }
      if (fact('cluster_enabled') === '1' && !redis.isCluster) found('is_cluster', 'the server is a cluster; hand in a cluster client');
      if (fact('aof_enabled') === '0' && fact('connected_slaves') === '0') {
        found('not_persistent', 'the server writes no append-only file and has no replica: a restart forgets spend; set appendonly to yes');
      }
    }
  } catch (error) {
    found('not_answering', `the server could not be asked: ${error instanceof Error ? error.message : String(error)}`);
  }
  return [...problems.values()];
}
