/** A process whose disk is full until it is told that there is room: plays a workload with an audit log all the while. */
import { auditLog, createGuard } from 'holdfast';
import { once } from 'node:events';
import { seededWorkload } from './workload.ts';

const [file = '', maxPending] = process.argv.slice(2);
const guard = createGuard({ budgets: { global: { usd: 1_000 } } });
const errors: string[] = [];
const log = auditLog(file, { maxPending: Number(maxPending), onError: (error) => void errors.push((error as { code: string }).code) });
log.follow(guard);
const used = async (): Promise<number> => Math.round((await guard.read('global')).used.usd * 1e9);

await seededWorkload(guard, { seed: 11, runs: 40 });
await log.flush();
process.stdout.write(`${JSON.stringify({ used: await used(), lost: log.counts.lost, errors: [...new Set(errors)] })}\n`);
await once(process.stdin, 'data');
await seededWorkload(guard, { seed: 12, runs: 5 });
// The log tries by itself, after 10 seconds at the latest.
for (let written = -1; written !== log.counts.written || written === 0;) {
  written = log.counts.written;
  await log.flush();
}
await log.close();
process.stdout.write(`${JSON.stringify({ used: await used(), lost: log.counts.lost })}\n`);
process.stdin.destroy();
