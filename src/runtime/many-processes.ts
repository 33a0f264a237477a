import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';

/** What tells of other processes of the same service. */
export interface ProcessFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether this is a worker of Node's cluster, which shares its port with others. */
  readonly isWorker: boolean;
  /** Processes with the same parent and the same command line, this one included; undefined where the system does not tell. */
  readonly siblings: () => number | undefined;
}

/**
 * How it can be told that this process is one of several that serve the same users, or undefined. Only what is certain: a
 * setting that asks for several (`WEB_CONCURRENCY`), or a platform that may start several, is said of a single one, too.
 */
export function signOfOthers({ env, isWorker, siblings }: ProcessFacts): string | undefined {
  // pm2 numbers the processes of a service from 0: a single one is 0, in its cluster mode, too.
  const instance = env['pm_id'] === undefined ? undefined : env['NODE_APP_INSTANCE'];
  if (instance !== undefined && /^\d+$/.test(instance)) return Number(instance) > 0 ? `pm2 started it as instance ${instance}` : undefined;
  // A worker of a cluster may be its only one.
  const count = isWorker ? siblings() : undefined;
  return count !== undefined && count > 1 ? `it is one of ${count} workers of a cluster` : undefined;
}

const here: ProcessFacts = { env: process.env, isWorker: cluster.isWorker, siblings: countSiblings };

let isWarned = false;

/**
 * Warns once in a process that keeps the budgets of users, sessions or tenants for itself although there are others like it:
 * each of them would grant the whole of every limit.
 */
export function warnOfManyProcesses(scopes: readonly string[], facts: ProcessFacts = here): void {
  if (isWarned) return;
  const shared = scopes.filter((scope) => scope !== 'run');
  const sign = shared.length > 0 ? signOfOthers(facts) : undefined;
  if (sign === undefined) return;
  isWarned = true;
  process.emitWarning(
    `holdfast keeps the budgets of ${shared.join(', ')} in this process alone, and ${sign}: together they may spend each limit several ` +
      'times. Share a store, such as redisStore(client) of holdfast/redis, or say that it is meant so: ' +
      'createGuard({ store: memoryStore({ perProcess: true }) })',
    { type: 'HoldfastWarning', code: 'HOLDFAST_MANY_PROCESSES' },
  );
}

/** Linux lists the children of a process; other systems do not, and then nothing is said. */
function countSiblings(): number | undefined {
  try {
    const commandOf = (id: string | number): string => readFileSync(`/proc/${id}/cmdline`, 'utf8');
    const own = commandOf(process.pid);
    const ids = readFileSync(`/proc/${process.ppid}/task/${process.ppid}/children`, 'utf8').trim().split(' ');
    return ids.filter((id) => {
      try {
        return commandOf(id) === own;
      } catch {
        return false;
      }
    }).length;
  } catch {
    return undefined;
  }
}
