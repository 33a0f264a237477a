import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createGuard, readAuditLog, spendReport, type Guard } from 'holdfast';
import { serveDashboard } from 'holdfast/dashboard';
import { prometheusMetrics } from 'holdfast/prometheus';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtProgram } from '../support/built-package.ts';
import { hasProgram } from '../support/programs.ts';
import { seededWorkload } from '../support/workload.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-listeners-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const playOn = async (guard: Guard): Promise<number> => {
  await seededWorkload(guard, { seed: 11, runs: 40 });
  return Math.round((await guard.read('global')).used.usd * 1e9);
};
const newGuard = (): Guard => createGuard({ budgets: { global: { usd: 1_000 } } });

/** Sends a request over a line of which nobody reads the answer. */
async function askAndNeverRead(port: number, target: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  return socket;
}

// The limit on the size of a file is met like a full disk, and can be lifted from outside.
describe.runIf(hasProgram('the audit log on a full disk', 'prlimit'))('an audit log on a disk that is full', () => {
  let program = '';
  beforeAll(async () => {
    program = await builtProgram(scratch, path.join(import.meta.dirname, '..', 'support', 'full-disk-worker.ts'));
  }, 120_000);

  it.each([
    ['all that waited, where there is room for it in memory', 'all', 16_000_000],
    ['as much as may wait, and says how many entries it lost', 'some', 40_000],
  ])(
    'harms no run, and when there is room again has %s',
    async (_, keeps, maxPending) => {
      const alone = await playOn(newGuard());
      const file = path.join(scratch, `full-${keeps}.jsonl`);
      const child = spawn('prlimit', ['--fsize=8192:unlimited', process.execPath, program, file, String(maxPending)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const said: { used: number; lost: number; errors?: string[] }[] = [];
      child.stdout.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().trim().split('\n')) said.push(JSON.parse(line) as (typeof said)[number]);
      });
      await vi.waitFor(() => expect(said).toHaveLength(1), { timeout: 60_000 });
      expect(said[0]).toMatchObject({ used: alone, errors: ['EFBIG'] });
      // The process itself: prlimit has become it.
      expect(spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']).status).toBe(0);
      child.stdin.write('there is room\n');
      await once(child, 'exit');
      const problems: unknown[] = [];
      const report = spendReport();
      for await (const entry of readAuditLog(file, { onProblem: (problem) => problems.push(problem) })) report.add(entry);
      expect(problems).toEqual([]);
      expect(report.lostEntries).toBe(said[1]?.lost);
      if (keeps === 'all') {
        expect(said[1]?.lost).toBe(0);
        expect(report.total().nanoUsd).toBe(said[1]?.used);
      } else {
        expect(said[1]?.lost).toBeGreaterThan(0);
        expect(report.total().nanoUsd).toBeLessThan(said[1]?.used ?? 0);
      }
    },
    120_000,
  );
});

describe('a Prometheus that scrapes slowly', () => {
  it('and never reads an answer, changes no run; scrapes that overlap ask the store once', async () => {
    const alone = await playOn(newGuard());
    const guard = newGuard();
    let asked = 0;
    let answer = (): void => {};
    const slow = new Promise<void>((resolve) => (answer = resolve));
    const list: Guard['list'] = async (options) => {
      asked += 1;
      await slow;
      return guard.list(options);
    };
    const { registry } = prometheusMetrics(
      { on: guard.on, list, billedRatios: guard.billedRatios },
      { registry: new Registry(), timeoutMs: 60_000 },
    );
    let answered = 0;
    const exporter = createServer((_, response) => {
      const answering = registry.metrics().then((text) => {
        answered += 1;
        response.end(text);
      });
      answering.catch((error: unknown) => response.destroy(error as Error));
    });
    exporter.listen(0, '127.0.0.1');
    await once(exporter, 'listening');
    const { port } = exporter.address() as AddressInfo;
    const sockets = await Promise.all(Array.from({ length: 20 }, () => askAndNeverRead(port, '/metrics')));
    await vi.waitFor(() => expect(asked).toBe(1), { timeout: 20_000 });
    expect(await playOn(guard)).toBe(alone);
    expect([asked, answered]).toEqual([1, 0]);
    answer();
    await vi.waitFor(() => expect(answered).toBe(20), { timeout: 20_000 });
    for (const socket of sockets) socket.destroy();
    exporter.closeAllConnections();
    await new Promise((resolve) => exporter.close(resolve));
  }, 60_000);
});

describe('a browser that never reads', () => {
  it('changes no run, and the page goes on for others', async () => {
    const alone = await playOn(newGuard());
    const guard = newGuard();
    const { url, close } = await serveDashboard(guard, { port: 0 });
    const { port } = new URL(url);
    const sockets = await Promise.all(Array.from({ length: 20 }, () => askAndNeverRead(Number(port), '/api/events')));
    expect(await playOn(guard)).toBe(alone);
    const page = await fetch(new URL('/api/events', url));
    expect(page.status).toBe(200);
    const first = await page.body?.getReader().read();
    expect(new TextDecoder().decode(first?.value as Uint8Array)).toContain('event: ');
    for (const socket of sockets) socket.destroy();
    await close();
  }, 60_000);
});
