/**
 * A million users, each with an account of a day in Redis: what an account takes, and that all of them go by themselves.
 * Needs redis-server. Run by `npm run bench` or `node bench/redis-retention.mjs` after a build; HOLDFAST_ACCOUNTS sets another number.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { account, actual, asks, load } from './support/step-over-six.mjs';

const { redisStore } = await load('integrations/redis/index.js');

if (spawnSync('redis-server', ['--version']).status !== 0) {
  console.log('skipped: redis-server is not on this machine');
  process.exit(0);
}
const users = Number(process.env.HOLDFAST_ACCOUNTS ?? 1_000_000);
const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-'));
const port = 32_000 + (process.pid % 5_000);
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''], { stdio: 'ignore' });
const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
redis.on('error', () => {});
await redis.ping();

const memory = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))[1]);
const millions = (count) => count.toLocaleString('en');

/** One step for each user, many at once. */
async function spendOfEach(store, window) {
  const atOnce = 500;
  let next = 0;
  const worker = async () => {
    while (next < users) {
      const user = (next += 1);
      const accounts = [account('user', window, `user-${user}`)];
      await store.reserve({ id: `step-${user}`, accounts, asks, ttlMs: 60_000 });
      await store.settle({ id: `step-${user}`, accounts, actual });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** The keys of accounts and steps that have no end, and the longest life of the others in hours. A tenant's few lists live on. */
async function lives() {
  let [cursor, endless, longest] = ['0', 0, 0];
  do {
    const [to, keys] = await redis.scan(cursor, 'COUNT', 5_000);
    cursor = to;
    const pipeline = redis.pipeline();
    for (const key of keys) if (!/:(?:mark|holds|all|i\/.*)$/.test(key)) pipeline.pttl(key);
    for (const [, left] of await pipeline.exec()) {
      if (left < 0) endless += 1;
      longest = Math.max(longest, left);
    }
  } while (cursor !== '0');
  return { endless, hours: longest / 3_600_000 };
}

const empty = await memory();
await spendOfEach(redisStore(redis, { remember: '1s' }), 'day');
await pause(3_000);
const full = await memory();
const { endless, hours } = await lives();
console.log(`accounts of a day                        ${millions(users)}`);
console.log(`bytes per account, all told              ${((full - empty) / users).toFixed(0)}`);
console.log(`keys that would stay for good            ${endless}`);
console.log(`longest life of a key (a day, one hour)  ${hours.toFixed(1)} h`);

await redis.flushall();
// The same with a retention that is over soon: what is waited for above in a day.
await spendOfEach(redisStore(redis, { remember: '1s', retention: '2s' }), 'lifetime');
let left = users;
for (let second = 0; second < 600 && left > 10; second += 1) {
  await pause(1_000);
  left = await redis.dbsize();
}
console.log(`keys left after the retention            ${left}`);
console.log(`memory left : memory of all accounts     ${(((await memory()) - empty) / (full - empty)).toFixed(4)}`);

redis.disconnect();
server.kill('SIGKILL');
server.once('exit', () => rmSync(folder, { recursive: true, force: true }));
