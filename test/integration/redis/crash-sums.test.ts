import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createGuard, readAuditLog, spendReport, type AuditEntry } from 'holdfast';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redisStore } from '../../../integrations/redis/index.ts';
import { builtProgram } from '../../support/built-package.ts';
import { crashBudgets } from '../../support/crash-budgets.ts';
import { hasRedis, startRedis, type RedisServer } from '../../support/redis-server.ts';

const nano = (usd: number): number => Math.round(usd * 1e9);

describe.skipIf(!hasRedis)('processes that are killed between reserving and settling', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-crash-'));
  let server: RedisServer;
  let client: Redis;
  let program = '';

  beforeAll(async () => {
    [server, program] = await Promise.all([
      startRedis(),
      builtProgram(scratch, path.join(import.meta.dirname, '../../support/crashing-worker.ts')),
    ]);
    client = new Redis(server.port);
  }, 120_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const fileOf = (seed: number): string => path.join(scratch, `audit-${seed}.jsonl`);
  const worker = (seed: number, ...more: string[]): ChildProcess =>
    spawn(process.execPath, [program, String(server.port), String(seed), fileOf(seed), ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  /** What a process has metered, as soon as it says so. */
  const metered = async (child: ChildProcess): Promise<number> => {
    const [text] = (await once(child.stdout!, 'data')) as [Buffer];
    return Number(text.toString());
  };

  it('leave the sums of their logs, their metrics and the store equal to the nano-dollar, and no hold', async () => {
    const seeds = { killed: [1, 2, 3], ending: [4, 5] };
    const killed = seeds.killed.map((seed) => worker(seed));
    const ending = seeds.ending.map((seed) => worker(seed, 'ends'));
    const figures = await Promise.all([...killed, ...ending].map(metered));
    for (const child of killed) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await Promise.all(ending.map(async (child) => child.exitCode ?? once(child, 'exit')));

    const entries: AuditEntry[] = [];
    for (const seed of [...seeds.killed, ...seeds.ending]) for await (const entry of readAuditLog(fileOf(seed))) entries.push(entry);
    const report = spendReport();
    for (const entry of entries) report.add(entry);
    const byTenant = spendReport({ by: ['tenant'] });
    for (const entry of entries) byTenant.add(entry);

    const guard = createGuard({ store: redisStore(client), budgets: crashBudgets });
    await vi.waitFor(async () => expect((await guard.read('global')).held.usd).toBe(0), { timeout: 15_000, interval: 200 });
    const all = await guard.read('global');
    expect(report.lostEntries).toBe(0);
    expect(report.total().nanoUsd).toBeGreaterThan(0);
    expect(nano(all.used.usd)).toBe(report.total().nanoUsd);
    expect(figures.reduce((sum, each) => sum + each, 0)).toBe(report.total().nanoUsd);
    expect(report.total()).toMatchObject({
      modelCalls: all.used.modelCalls,
      toolCalls: all.used.toolCalls,
      inputTokens: all.used.inputTokens,
    });
    for (const { keys, nanoUsd } of byTenant.rows()) {
      const tenant = String(keys[0]);
      expect(nanoUsd).toBe(nano((await guard.read('tenant', tenant, { tenant })).used.usd));
    }
    for (const { scope, held } of await guard.list({ most: 1_000 })) expect([scope, held.usd, held.steps]).toEqual([scope, 0, 0]);

    // What died in the air: the log has its beginnings and no end, and where the budget says so it goes on counting.
    const open = new Map<string, number>();
    for (const entry of entries) {
      if (entry.event === 'step:start') open.set(`${entry.run} ${entry.step}`, entry.held.nanoUsd ?? 0);
      if (entry.event === 'step:end') open.delete(`${entry.run} ${entry.step}`);
    }
    expect(open.size).toBe(9);
    const { unconfirmed } = await guard.read('tenant', 'acme', { tenant: 'acme' });
    expect(nano(unconfirmed.usd)).toBe([...open.values()].reduce((sum, each) => sum + each, 0));
    expect(unconfirmed.steps).toBe(9);
  }, 120_000);
});
