import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createGuard } from 'holdfast';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redisStore } from '../../../integrations/redis/index.ts';
import { builtProgram } from '../../support/built-package.ts';
import { hasRedis, startRedis, type RedisServer } from '../../support/redis-server.ts';

describe.skipIf(!hasRedis)('a process that stands still for longer than its hold lives', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-paused-'));
  let server: RedisServer;
  let client: Redis;
  let program = '';
  beforeAll(async () => {
    const source = path.join(import.meta.dirname, '../../support/paused-worker.ts');
    [server, program] = await Promise.all([startRedis(), builtProgram(scratch, source)]);
    client = new Redis(server.port);
  }, 120_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('keeps its hold while it goes, loses it while it stands, and is booked late, once, when it goes on', async () => {
    const guard = createGuard({ store: redisStore(client), budgets: { user: { steps: 10 } } });
    const account = async () => {
      const { used, held } = await guard.read('user', 'ann');
      return { used: used.steps, held: held.steps };
    };
    const child = spawn(process.execPath, [program, String(server.port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await vi.waitFor(() => expect(output).toBe('held\n'), { timeout: 60_000 });
    // It extends its hold: after more than its life it is still there.
    await pause(5_000);
    expect(await account()).toEqual({ used: 0, held: 1 });
    child.kill('SIGSTOP');
    await vi.waitFor(async () => expect(await account()).toEqual({ used: 0, held: 0 }), { timeout: 20_000, interval: 100 });
    child.kill('SIGCONT');
    child.stdin.write('go on\n');
    await once(child, 'exit');
    expect(output).toBe('held\nexpired 1\n');
    expect(await account()).toEqual({ used: 1, held: 0 });
  }, 120_000);
});
