/**
 * The Redis store beside what is commonly done instead, on one server that this bench starts and stops.
 * Needs redis-server. Run by `npm run bench` or `node bench/redis.mjs` after a build.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const load = (file) => import(pathToFileURL(path.join(built, file)).href);
const { redisStore } = await load('integrations/redis/index.js');
const { resolveWindow } = await load('src/core/window.js');
const { zero } = await load('src/core/amounts.js');

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

const limits = { usd: 9e15, tokens: 9e15, steps: 9e15 };
const account = (scope, window, id = 'one', tenant = 'acme') => ({
  tenant,
  scope,
  id,
  window: resolveWindow(window),
  limits,
  alertAt: [0.5, 0.8, 0.95],
  onExpire: 'release',
});
const six = [
  account('run'),
  account('session'),
  account('user', 'day'),
  account('feature', { every: 'day', timeZone: 'Europe/Berlin' }),
  account('tenant', 'month'),
  account('global', 'day', 'global', ''),
];
const asks = [
  {
    base: { ...zero, usd: 12_000, tokens: 800, inputTokens: 800, steps: 1, modelCalls: 1 },
    perUnit: { ...zero, usd: 600, tokens: 1, outputTokens: 1 },
    unitsWanted: 4096,
    unitsLeast: 256,
  },
];
const actual = { ...zero, usd: 90_000, tokens: 1000, inputTokens: 800, outputTokens: 200, steps: 1, modelCalls: 1 };

let ids = 0;
/** A step in a tight loop: the settlement of the last one travels with the next reservation, and nobody waits for it. */
async function step(store, accounts = six) {
  const id = `0b8f3a52-4a1e-7c3d-9b21-${String((ids += 1)).padStart(12, '0')}`;
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

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
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
const one = await redis.script('LOAD', 'return 1');
const bare = () => redis.evalsha(one, 0);
const stepNow = () => step(store);
for (let i = 0; i < 3_000; i += 1) await Promise.all([bare(), stepNow()]);

const rounds = [];
for (let round = 0; round < 5; round += 1) {
  rounds.push({
    bare: await latency(bare, 1_500),
    step: await latency(stepNow, 1_500),
    common: await latency(common, 300),
    limiter: await latency(limiter, 300),
    stepHundred: await rate(stepNow, 100, 4_000),
    commonHundred: await rate(common, 100, 1_000),
    limiterHundred: await rate(limiter, 100, 1_000),
  });
}
const of = (name) => median(rounds.map((round) => round[name]));
const ratio = (a, b) => (a / b).toFixed(2);
console.log(`a step over 6 accounts                          ${of('step').toFixed(0)} us`);
console.log(`  : a bare EVALSHA that returns 1               ${ratio(of('step'), of('bare'))}`);
console.log(`steps a second, one client : GET+INCRBY+EXPIRE  ${ratio(of('common'), of('step'))}`);
console.log(`  : rate-limiter-flexible on the same six keys  ${ratio(of('limiter'), of('step'))}`);
console.log(`with a hundred at once : GET+INCRBY+EXPIRE      ${ratio(of('stepHundred'), of('commonHundred'))}`);
console.log(`  : rate-limiter-flexible                       ${ratio(of('stepHundred'), of('limiterHundred'))}`);

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
