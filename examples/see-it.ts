/** See it: metrics for Prometheus, an audit log without content, alerts, and what it all cost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditLog, budgetAlerts, createGuard, logSink, readAuditLog, spendReport } from 'holdfast';
import { prometheusMetrics } from 'holdfast/prometheus';

export async function main(say = console.log): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  const file = join(folder, 'audit.jsonl');

  const guard = createGuard({ budgets: { user: { usd: 1, window: 'day' } } });
  const { registry } = prometheusMetrics(guard);
  const log = auditLog(file);
  log.follow(guard);
  const alerts = budgetAlerts(guard, { sinks: [logSink(say)] });

  await guard.run({ scopes: { user: 'alice', feature: 'search' } }, (run) =>
    run.step({ kind: 'tool', name: 'translate', usd: 0.6 }, () => ({ output: 'done' })),
  );
  await log.close();

  say((await registry.metrics()).split('\n').find((line) => line.startsWith('holdfast_budget_settled')));
  await alerts.close();

  const report = spendReport({ by: ['user', 'feature'] });
  for await (const entry of readAuditLog(file)) report.add(entry);
  for (const { keys, toolCalls, nanoUsd } of report.rows()) say(`${keys.join(', ')}: ${toolCalls} tool call, $${nanoUsd / 1e9}`);
  rmSync(folder, { recursive: true });
}
