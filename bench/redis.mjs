/**
 * The Redis store beside what is commonly done instead, on one server that this bench starts and stops.
 * Needs redis-server. Run by `npm run bench` or `node bench/redis.mjs` after a build.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { account, actual, asks, idOf, load, median, ratio, six } from './support/step-over-six.mjs';

const { redisStore } = await load('integrations/redis/index.js');

if (spawnSync('redis-server', ['--version']).status !== 0) {
  console.log('skipped: redis-server is not on this machine');
  process.exit(0);
}
const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-'));
const port = 27_000 + (process.pid % 5_000);
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''], { stdio: 'ignore' });
const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
redis.on('error', () => {});
await redis.ping();

let ids = 0;
/** A step in a tight loop: the settlement of the last one travels with the next reservation, and nobody waits for it. */
async function step(store, accounts = six) {
  const id = idOf((ids += 1));
  await store.reserve({ id, accounts, asks, ttlMs: 60_000 });
  store.settle({ id, accounts, actual }).catch(() => {});
}

const keys = six.map(({ scope }) => `common:${scope}`);
/** What is commonly done: scope by scope, read, add, let expire. */
async function common() {
  for (const key of keys) {
    await redis.get(key);
    await redis.incrby(key, 90_000);
    await redis.expire(key, 86_400);
  }
}
const limiters = keys.map(
  (keyPrefix) =>
    new RateLimiterRedis({ storeClient: redis, keyPrefix: `limiter:${keyPrefix}`, points: Number.MAX_SAFE_INTEGER, duration: 86_400 }),
);
const limiter = async () => {
  for (const each of limiters) await each.consume('one', 90_000);
};

async function latency(work, times) {
  const took = [];
  for (let i = 0; i < times; i += 1) {
    const began = process.hrtime.bigint();
    await work();
    took.push(Number(process.hrtime.bigint() - began) / 1000);
  }
  return median(took);
}
/** How many a second, with so many at once. */
async function rate(work, atOnce, times) {
  const began = process.hrtime.bigint();
  let left = times;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (; left > 0;) {
        left -= 1;
        await work();
      }
    }),
  );
  return times / (Number(process.hrtime.bigint() - began) / 1e9);
}
const scriptStats = async () => {
  const [, calls, , perCall] = /cmdstat_evalsha:calls=(\d+),usec=(\d+),usec_per_call=([\d.]+)/.exec(await redis.info('commandstats')) ?? [];
  return { calls: Number(calls), perCall: Number(perCall) };
};
const serverTime = async (work, times = 2_000) => {
  await redis.config('RESETSTAT');
  for (let i = 0; i < times; i += 1) await work();
  return (await scriptStats()).perCall;
};

const store = redisStore(redis);
const leased = redisStore(redis, { prefix: 'leased', lease: { usd: 1, for: '5s' } });
const leasedStep = () => step(leased);
const one = await redis.script('LOAD', 'return 1');
const bare = () => redis.evalsha(one, 0);
const stepNow = () => step(store);
for (let i = 0; i < 3_000; i += 1) await Promise.all([bare(), stepNow(), leasedStep()]);

const rounds = [];
for (let round = 0; round < 5; round += 1) {
  rounds.push({
    bare: await latency(bare, 1_500),
    step: await latency(stepNow, 1_500),
    common: await latency(common, 300),
    limiter: await latency(limiter, 300),
    stepRate: await rate(stepNow, 1, 1_000),
    leasedRate: await rate(leasedStep, 1, 20_000),
    stepHundred: await rate(stepNow, 100, 4_000),
    leasedHundred: await rate(leasedStep, 100, 20_000),
    commonHundred: await rate(common, 100, 1_000),
    limiterHundred: await rate(limiter, 100, 1_000),
  });
}
const of = (name) => median(rounds.map((round) => round[name]));
console.log(`a step over 6 accounts                          ${of('step').toFixed(0)} us`);
console.log(`  : a bare EVALSHA that returns 1               ${ratio(of('step'), of('bare'))}`);
console.log(`steps a second, one client : GET+INCRBY+EXPIRE  ${ratio(of('common'), of('step'))}`);
console.log(`  : rate-limiter-flexible on the same six keys  ${ratio(of('limiter'), of('step'))}`);
console.log(`with a hundred at once : GET+INCRBY+EXPIRE      ${ratio(of('stepHundred'), of('commonHundred'))}`);
console.log(`  : rate-limiter-flexible                       ${ratio(of('stepHundred'), of('limiterHundred'))}`);
console.log(`with leases : without, one client               ${ratio(of('leasedRate'), of('stepRate'))}`);
console.log(`  a hundred at once                             ${ratio(of('leasedHundred'), of('stepHundred'))}`);

await leased.close();
await store.flush();
await redis.config('RESETSTAT');
for (let i = 0; i < 500; i += 1) await stepNow();
console.log(`messages to the server per step                 ${((await scriptStats()).calls / 500).toFixed(2)}`);

const few = await serverTime(stepNow);
const before = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))[1]);
const crowd = 20_000;
for (let i = 0; i < crowd; i += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, n) => step(store, [account('user', 'day', `user-${i + n}`)])));
}
await store.flush();
const bytes = (Number(/used_memory:(\d+)/.exec(await redis.info('memory'))[1]) - before) / crowd;
const many = await serverTime(stepNow);
const held = Array.from({ length: 5_000 }, (_, n) => ({ id: `held-${n}`, accounts: six, asks, ttlMs: 600_000 }));
await Promise.all(held.map((request) => store.reserve(request)));
const holding = await serverTime(stepNow);
console.log(`server time of a step                           ${few.toFixed(0)} us`);
console.log(`  with 20,000 further accounts : without        ${ratio(many, few)}`);
console.log(`  with 5,000 live holds : without               ${ratio(holding, few)}`);
console.log(`bytes per account, with its ended reservation   ${bytes.toFixed(0)}`);

redis.disconnect();
server.kill('SIGKILL');
server.once('exit', () => rmSync(folder, { recursive: true, force: true }));
