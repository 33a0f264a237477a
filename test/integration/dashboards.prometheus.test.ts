import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createGuard, type EventName, type GuardEvents, type Listener, type RunInfo } from 'holdfast';
import { prometheusMetrics, type MeteredGuard } from 'holdfast/prometheus';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasProgram, programPath } from '../support/programs.ts';
import { seededWorkload } from '../support/workload.ts';

const folder = path.join(import.meta.dirname, '..', '..', 'dashboards');
const rules = path.join(folder, 'prometheus');
const grafana = path.join(folder, 'grafana');

interface Panel {
  readonly title: string;
  readonly id: number;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
}
const dashboards = readdirSync(grafana).map((file) => JSON.parse(readFileSync(path.join(grafana, file), 'utf8')) as Dashboard);
const queries = dashboards.flatMap(({ uid, panels }) =>
  panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: `${uid}: ${title}`, expr }))),
);

describe('the Grafana dashboards', () => {
  it('have ids of their own, and panels that do not lie on each other', () => {
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
    for (const { panels } of dashboards) {
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
    }
  });

  it('ask only for metrics that are there', async () => {
    const registry = new Registry();
    prometheusMetrics(createGuard(), { registry, pricesAsOf: new Date() });
    const known = registry.getMetricsAsArray().map(({ name }) => name);
    const alerts = readFileSync(path.join(rules, 'alerts.yml'), 'utf8');
    const texts = [
      ...queries.map(({ expr }) => expr),
      ...alerts.split('\n').filter((line) => !line.startsWith('#') && !line.includes('name:')),
    ];
    const asked = texts.flatMap((text) => text.match(/\bholdfast_\w+/g) ?? []).map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
    expect(asked.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe.runIf(hasProgram('the alert rules', 'promtool'))('the alert rules', () => {
  it('are valid, and ring when they should and only then', () => {
    const promtool = (...args: string[]): string => execFileSync('promtool', args, { cwd: rules, encoding: 'utf8' });
    expect(promtool('check', 'rules', 'alerts.yml')).toContain('SUCCESS');
    expect(promtool('test', 'rules', 'alerts.test.yml')).toContain('SUCCESS');
  });

  it('are about metrics whose names, types and help texts are what Prometheus advises', async () => {
    const guard = createGuard({ allowUnpriced: true, budgets: { global: { usd: 1_000 }, user: { usd: 5, window: 'day' } } });
    const { registry } = prometheusMetrics(guard, { registry: new Registry(), pricesAsOf: new Date(0) });
    await seededWorkload(guard, { seed: 5, runs: 20 });
    const input = await registry.metrics();
    expect(input).toContain('holdfast_budget_settled{');
    // It says nothing where it finds nothing, and fails where it does.
    expect(execFileSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })).toBe('');
  });
});

/** What happens too seldom in a workload is told to the same listeners. */
async function tellRareEvents(listeners: ReadonlyMap<EventName, readonly Listener<EventName>[]>): Promise<void> {
  const run: RunInfo = { id: 'r', parentId: undefined, agent: undefined, tenant: 'acme', scopes: {}, startedAt: 0 };
  const tell = async <E extends EventName>(event: E, payload: GuardEvents[E]): Promise<void> => {
    for (const listener of listeners.get(event) ?? []) await listener(payload);
  };
  for (const isShadow of [true, false])
    await tell('ladder:climb', { run, step: 1, rung: 'cheaperModel', pressure: 'spend', detail: '', isShadow });
  await tell('store:error', { operation: 'reserve', policy: 'open', error: new Error('away') });
  await tell('store:answer', { operation: 'reserve', durationMs: 2, isError: false });
  await tell('usage:invalid', { run, step: 1, problem: 'negative' });
  await tell('hook:error', { hook: 'fallback', error: new Error('broken') });
}

describe.runIf(hasProgram('the dashboards against a real Prometheus', 'prometheus'))('with a real Prometheus', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-prometheus-'));
  let prometheus: ChildProcess | undefined;
  let exporter: Server | undefined;
  let url = '';
  let log = '';

  beforeAll(async () => {
    const guard = createGuard({
      allowUnpriced: true,
      budgets: {
        run: { usd: 20, steps: 60 },
        user: { usd: 5, window: 'day', per: { 'user-3': { usd: 0.01 } } },
        tenant: { usd: 50, window: 'day' },
        feature: { usd: 20, window: 'day' },
        team: { usd: 1 },
      },
    });
    const listeners = new Map<EventName, Listener<EventName>[]>();
    const watched: MeteredGuard = {
      on(event, listener) {
        listeners.set(event, [...(listeners.get(event) ?? []), listener as Listener<EventName>]);
        return guard.on(event, listener);
      },
      list: guard.list,
    };
    const { registry } = prometheusMetrics(watched, { registry: new Registry(), showIds: ['feature', 'tenant'], pricesAsOf: new Date(0) });
    exporter = createServer(
      (_, response) => void registry.metrics().then((text) => response.setHeader('content-type', registry.contentType).end(text)),
    );
    exporter.listen(0, '127.0.0.1');
    await once(exporter, 'listening');
    const { port } = exporter.address() as AddressInfo;
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const own = (free.address() as AddressInfo).port;
    await new Promise((resolve) => free.close(resolve));
    const config = path.join(scratch, 'prometheus.yml');
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
        rule_files: [path.join(rules, 'alerts.yml')],
        scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
      }),
    );
    prometheus = spawn(
      programPath('prometheus') ?? 'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${path.join(scratch, 'data')}`,
        `--web.listen-address=127.0.0.1:${own}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    prometheus.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
    url = `http://127.0.0.1:${own}`;

    await seededWorkload(guard, { seed: 5, runs: 40 });
    await guard.run((run) =>
      run.step({ kind: 'model', model: 'house-model', input: 'hi' }, async () => ({
        output: 'x',
        usage: { inputTokens: 1, outputTokens: 1 },
      })),
    );
    await guard.run({ scopes: { team: 'x' } }, (run) =>
      run.step({ kind: 'tool', name: 'buy', args: {}, usd: 0.98 }, async () => ({ output: 1 })),
    );
    const retried = guard.start({ scopes: { user: 'patient' } });
    await retried.step({ kind: 'model', model: 'gpt-4o', input: 'hi', maxOutputTokens: 10 }, async () => {
      for (const key of ['first', 'second']) {
        const attempt = await retried.begin({ kind: 'model', model: 'gpt-4o', input: 'hi', maxOutputTokens: 10 }, { key });
        await attempt.end({ text: 'ok' }, { inputTokens: 1, outputTokens: 1 });
      }
      return { output: 'ok' };
    });
    await retried.end();
    await tellRareEvents(listeners);
    await query('count_over_time(holdfast_runs_live[2m]) >= 4');
  }, 180_000);

  afterAll(async () => {
    exporter?.closeAllConnections();
    exporter?.close();
    if (prometheus && prometheus.exitCode === null) {
      prometheus.kill('SIGTERM');
      await once(prometheus, 'exit');
    }
    rmSync(scratch, { recursive: true, force: true });
  }, 60_000);

  /** The answer to a query, as soon as there is one. */
  async function query(expr: string): Promise<unknown[]> {
    const deadline = Date.now() + 45_000;
    for (;;) {
      const found = await ask(expr);
      if (found.length > 0 || Date.now() > deadline) return found;
      if (prometheus?.exitCode !== null) throw new Error(`prometheus ended: ${log}`);
      await pause(200);
    }
  }

  async function ask(expr: string): Promise<unknown[]> {
    try {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`);
      // It listens before it is ready, and says so in words.
      if (response.status === 503) return [];
      const { data, error } = (await response.json()) as { data?: { result: unknown[] }; error?: string };
      if (error !== undefined) throw new TypeError(`${expr}: ${error}`);
      return data?.result ?? [];
    } catch (error) {
      // It is still starting.
      if (error instanceof TypeError && error.message === 'fetch failed') return [];
      throw error;
    }
  }

  it.each(queries)('$where has data', { timeout: 120_000 }, async ({ expr }) => {
    expect(await query(expr.replaceAll('$__rate_interval', '1m'))).not.toEqual([]);
  });

  it('rings for what is wrong', { timeout: 120_000 }, async () => {
    for (const alert of ['HoldfastStalePrices', 'HoldfastBudgetNearlyGone']) {
      expect(await query(`ALERTS{alertname="${alert}"}`), alert).not.toEqual([]);
    }
  });
});
