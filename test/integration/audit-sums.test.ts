import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { auditLog, budgetAlerts, createGuard, readAuditLog, spendReport, type Guard } from 'holdfast';
import { dashboard } from 'holdfast/dashboard';
import { openTelemetry } from 'holdfast/opentelemetry';
import { prometheusMetrics } from 'holdfast/prometheus';
import { Registry } from 'prom-client';
import { afterAll, describe, expect, it } from 'vitest';
import { recordingTelemetry } from '../support/recording-telemetry.ts';
import { seededWorkload } from '../support/workload.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-sums-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const nano = (usd: number): number => Math.round(usd * 1e9);

describe('with every listener attached', () => {
  it.each([1, 2, 3])(
    'the sums of log, metrics and store agree to the nano-dollar after a workload with lost steps (seed %i)',
    async (seed) => {
      const budgets = { global: { usd: 1_000 }, user: { usd: 0.5 }, feature: { usd: 100 }, tenant: { usd: 100 } } as const;
      const guard = createGuard({ budgets });
      const file = path.join(scratch, `audit-${seed}.jsonl`);
      const log = auditLog(file, { rotateBytes: 10_000_000 });
      log.follow(guard);
      const { registry } = prometheusMetrics(guard, { registry: new Registry(), showIds: ['feature', 'tenant'] });
      const telemetry = recordingTelemetry();
      openTelemetry(guard, telemetry.providers);
      await seededWorkload(guard, { seed, runs: 60 });
      await log.close();

      const [total, byFeature, byTenant] = [spendReport(), spendReport({ by: ['feature'] }), spendReport({ by: ['tenant'] })];
      for await (const entry of readAuditLog(file)) for (const report of [total, byFeature, byTenant]) report.add(entry);
      const store = await guard.read('global');
      expect(total.lostEntries).toBe(0);
      expect(total.total().nanoUsd).toBeGreaterThan(0);
      expect(total.total()).toMatchObject({
        nanoUsd: nano(store.used.usd),
        inputTokens: store.used.inputTokens,
        outputTokens: store.used.outputTokens,
        modelCalls: store.used.modelCalls,
        toolCalls: store.used.toolCalls,
        overageNanoUsd: nano(store.overage.usd),
      });
      for (const { keys, nanoUsd } of byFeature.rows()) {
        const accounts = await guard.list({ scope: 'feature' });
        expect(nanoUsd).toBe(accounts.filter(({ id }) => id === keys[0]).reduce((sum, { used }) => sum + nano(used.usd), 0));
      }
      for (const { keys, nanoUsd } of byTenant.rows()) {
        const tenant = String(keys[0]);
        expect(nanoUsd).toBe(nano((await guard.read('tenant', tenant, { tenant })).used.usd));
      }
      const metrics = (await registry.metrics()).split('\n').filter((line) => line.startsWith('holdfast_spend_usd_total{'));
      expect(metrics.reduce((sum, line) => sum + nano(Number(line.split(' ').at(-1))), 0)).toBe(total.total().nanoUsd);
      const measured = telemetry.measurements
        .filter(({ name }) => name === 'holdfast.spend')
        .reduce((sum, { value }) => sum + nano(value), 0);
      expect(measured).toBe(total.total().nanoUsd);
    },
  );

  it('a burst of events, a full disk, a broken webhook and a page that nobody reads change no run', async () => {
    const play = async (listen: (guard: Guard) => () => Promise<void> | void): Promise<{ usd: number; steps: number }> => {
      const guard = createGuard({ budgets: { global: { usd: 1_000 } } });
      const stop = listen(guard);
      await seededWorkload(guard, { seed: 9, runs: 40 });
      const { used } = await guard.read('global');
      await stop();
      return { usd: used.usd, steps: used.steps };
    };
    const alone = await play(() => () => {});
    const troubled = await play((guard) => {
      const full = new PassThrough({ highWaterMark: 1 });
      const log = auditLog(full, { maxPending: 10_000 });
      log.follow(guard);
      const broken = { name: 'broken', send: () => Promise.reject(new Error('down')) };
      const alerts = budgetAlerts(guard, { sinks: [broken], retryMs: [], groupMs: 1 });
      const page = dashboard(guard);
      prometheusMetrics({ on: guard.on, list: () => Promise.reject(new Error('away')) }, { registry: new Registry() });
      guard.on('step:end', () => {
        throw new Error('a listener of the user');
      });
      guard.on('step:start', () => Promise.reject(new Error('another')));
      return async () => {
        expect(log.counts.lost).toBeGreaterThan(0);
        page.close();
        full.resume();
        await Promise.all([alerts.close(), log.close()]);
      };
    });
    expect(troubled).toEqual(alone);
  });
});
