import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redisStore } from '../../../integrations/redis/index.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { hasRedis, startRedis, type RedisServer } from '../../support/redis-server.ts';

const root = path.join(import.meta.dirname, '..', '..', '..');

const user: AccountRef = {
  tenant: 'acme',
  scope: 'user',
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: {},
  alertAt: [],
  onExpire: 'release',
};

describe.skipIf(!hasRedis)('many processes with one Redis', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    execFileSync(process.execPath, [path.join('scripts', 'setup.mjs'), '--build'], { cwd: root, stdio: 'ignore' });
    server = await startRedis();
    client = new Redis(server.port);
  }, 120_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  const worker = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [path.join(root, 'test', 'support', 'redis-worker.mjs'), String(server.port), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const output = async (child: ChildProcess): Promise<string> => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(child, 'exit');
    return text.trim();
  };

  it('grants exactly what there is to 16 processes with 100 runs each', async () => {
    const granted = await Promise.all(Array.from({ length: 16 }, () => output(worker('many', '100'))));
    expect(granted.map(Number).reduce((sum, each) => sum + each, 0)).toBe(100);
    const { settled, held } = await redisStore(client).read(user);
    expect([settled.modelCalls, held.modelCalls]).toEqual([100, 0]);
  }, 120_000);

  it('frees what a killed process held, by itself', async () => {
    await client.flushall();
    const store = redisStore(client);
    const child = worker('hold', 'dead', '1500');
    await once(child.stdout!, 'data');
    expect((await store.read(user)).held.modelCalls).toBe(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await vi.waitFor(async () => expect((await store.read(user)).held.modelCalls).toBe(0), { timeout: 10_000, interval: 100 });
  }, 60_000);
});
