import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hasProgram, programPath } from './programs.ts';

/** The server that is tried: `HOLDFAST_REDIS_SERVER`, or else Redis, or else Valkey, which takes the same settings and commands. */
const servers = [process.env['HOLDFAST_REDIS_SERVER'] ?? '', 'redis-server', 'valkey-server'].filter((name) => name !== '');
const serverProgram = programPath(...servers) ?? 'redis-server';
const cliProgram = programPath('redis-cli', 'valkey-cli') ?? 'redis-cli';

/** Whether the tests that need a Redis server can run. */
export const hasRedis = hasProgram('the Redis store', ...servers);

/** A server of the tests' own, on a free port of the loopback. */
export interface RedisServer {
  readonly port: number;
  readonly process: ChildProcess;
  /** Kills it at once, as a power cut would; starts it again with what it had written. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Kills it and removes what it wrote. */
  stop(): Promise<void>;
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/**
 * A port that is free now, as is a cluster's second one, 10,000 above it. Both lie below those that systems give to connections
 * (from 32,768), which come and go, and no second port is another server's first.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

/** Runs `redis-cli` against a server and returns what it prints. */
export function redisCli(port: number, ...args: string[]): string {
  return spawnSync(cliProgram, ['-p', String(port), ...args], { encoding: 'utf8' }).stdout.trim();
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const givesUpAt = Date.now() + 15_000;
  while (!isSo()) {
    if (Date.now() > givesUpAt) throw new Error(`waited 15 s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function startRedis(...settings: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-redis-'));
  const port = await freePort();
  const launch = async (): Promise<ChildProcess> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'warning', ...settings];
    const child = spawn(serverProgram, args, { stdio: 'ignore' });
    try {
      await until(() => redisCli(port, 'PING') === 'PONG', `redis-server on port ${port}`);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    return child;
  };
  let child = await launch();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    port,
    get process() {
      return child;
    },
    kill,
    async restart() {
      await kill();
      child = await launch();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A cluster of three masters. */
export async function startRedisCluster(
  ...settings: string[]
): Promise<{ readonly ports: readonly number[]; readonly servers: readonly RedisServer[]; stop(): Promise<void> }> {
  const all = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', ...settings];
  const servers = await Promise.all([1, 2, 3].map(() => startRedis(...all)));
  const ports = servers.map(({ port }) => port);
  const nodes = ports.map((port) => `127.0.0.1:${port}`);
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    spawnSync(cliProgram, ['--cluster', 'create', ...nodes, '--cluster-replicas', '0', '--cluster-yes']);
    await until(() => ports.every((port) => redisCli(port, 'CLUSTER', 'INFO').includes('cluster_state:ok')), 'the cluster');
  } catch (error) {
    await stop();
    throw error;
  }
  return { ports, servers, stop };
}
