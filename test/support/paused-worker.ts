/** A process that begins a step with a short hold, says so, and ends it when it is told to: for what happens in between. */
import { createGuard } from 'holdfast';
import { redisStore } from 'holdfast/redis';
import { Redis } from 'ioredis';
import { once } from 'node:events';

const client = new Redis(Number(process.argv[2]));
const guard = createGuard({ store: redisStore(client), holdTtl: '3s', budgets: { user: { steps: 10 } } });
let expired = 0;
guard.on('hold:expired', () => void (expired += 1));

const run = guard.start({ scopes: { user: 'ann' } });
const step = await run.begin({ kind: 'tool', name: 'slow' });
process.stdout.write('held\n');
await once(process.stdin, 'data');
await step.end({ output: 'done' });
await run.end();
await guard.close();
process.stdout.write(`expired ${expired}\n`);
client.disconnect();
process.stdin.destroy();
