/**
 * A process that is killed: plays a workload over a shared Redis with an audit log and metrics, begins steps that it will never
 * end, writes down what it has metered, and waits for its death. `ends`: begins none, and ends by itself.
 */
import { auditLog, createGuard } from 'holdfast';
import { prometheusMetrics } from 'holdfast/prometheus';
import { redisStore } from 'holdfast/redis';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { crashBudgets } from './crash-budgets.ts';
import { seededWorkload } from './workload.ts';

const [port, seed, file = '', ending] = process.argv.slice(2);
const client = new Redis(Number(port));
const guard = createGuard({ store: redisStore(client, { timeoutMs: 20_000 }), storeTimeout: '30s', holdTtl: '2s', budgets: crashBudgets });
const log = auditLog(file);
log.follow(guard);
const { registry } = prometheusMetrics(guard, { registry: new Registry() });

await seededWorkload(guard, { seed: Number(seed), runs: 15 });
if (ending !== 'ends') {
  const run = guard.start({ scopes: { tenant: 'acme', user: `dies-${seed}`, feature: 'chat' } });
  for (let step = 0; step < 3; step += 1) await run.begin({ kind: 'model', model: 'gpt-4o', input: `lost ${step}`, maxOutputTokens: 100 });
}
await log.flush();
const spend = (await registry.metrics())
  .split('\n')
  .filter((line) => line.startsWith('holdfast_spend_usd_total{'))
  .reduce((sum, line) => sum + Math.round(Number(line.split(' ').at(-1)) * 1e9), 0);
process.stdout.write(`${spend}\n`);
if (ending === 'ends') {
  await guard.close();
  await log.close();
  client.disconnect();
} else setInterval(() => {}, 1_000);
