/**
 * The Redis store beside what is commonly done instead, on one server that this bench starts and stops.
 * Needs redis-server. Run by `npm run bench` or `node bench/redis.mjs` after a build.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { account, actual, asks, idOf, load, median, six } from './support/step-over-six.mjs';

const { redisStore } = await load('integrations/redis/index.js');

if (spawnSync('redis-server', ['--version']).status !== 0) {
  console.log('skipped: redis-server is not on this machine');
  process.exit(0);
}
const folders = [];
let nextPort = 27_000 + (process.pid % 5_000);
/** A server of its own, and a client of it. */
async function startServer() {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-bench-'));
  folders.push(folder);
  const port = (nextPort += 1);
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''], { stdio: 'ignore' });
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
  client.on('error', () => {});
  await client.ping();
  return { server, client };
}
const { server, client: redis } = await startServer();

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
const scriptStats = async (client = redis) => {
  const [, calls, , perCall] =
    /cmdstat_evalsha:calls=(\d+),usec=(\d+),usec_per_call=([\d.]+)/.exec(await client.info('commandstats')) ?? [];
  return { calls: Number(calls), perCall: Number(perCall) };
};

const store = redisStore(redis);
const leased = redisStore(redis, { prefix: 'leased', lease: { usd: 1, for: '5s' } });
const leasedStep = () => step(leased);
const one = await redis.script('LOAD', 'return 1');
const bare = () => redis.evalsha(one, 0);
/** The least that a step over six accounts can be: a script that reads six states and writes them again. */
const least = await redis.script(
  'LOAD',
  "local found = redis.call('MGET', unpack(KEYS)) for i = 1, #KEYS do redis.call('SET', KEYS[i], found[i], 'KEEPTTL') end return 1",
);
const states = six.map(({ scope }) => `least:${scope}`);
for (const key of states) await redis.set(key, Buffer.alloc(256), 'EX', 86_400);
const leastNow = () => redis.evalsha(least, states.length, ...states);
const stepNow = () => step(store);
for (let i = 0; i < 3_000; i += 1) await Promise.all([bare(), stepNow(), leasedStep()]);

const rounds = [];
for (let round = 0; round < 7; round += 1) {
  rounds.push({
    bare: await latency(bare, 1_500),
    step: await latency(stepNow, 1_500),
    least: await latency(leastNow, 1_500),
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
/** The median of the rounds' ratios: what else the machine does falls on both sides of one. */
const between = (a, b) => median(rounds.map((round) => round[a] / round[b])).toFixed(2);
console.log(`a step over 6 accounts                          ${median(rounds.map(({ step: took }) => took)).toFixed(0)} us`);
console.log(`  : a bare EVALSHA that returns 1               ${between('step', 'bare')}`);
console.log(`  a script that only reads and writes 6 values  ${between('least', 'bare')}`);
console.log(`steps a second, one client : GET+INCRBY+EXPIRE  ${between('common', 'step')}`);
console.log(`  : rate-limiter-flexible on the same six keys  ${between('limiter', 'step')}`);
console.log(`with a hundred at once : GET+INCRBY+EXPIRE      ${between('stepHundred', 'commonHundred')}`);
console.log(`  : rate-limiter-flexible                       ${between('stepHundred', 'limiterHundred')}`);
console.log(`with leases : without, one client               ${between('leasedRate', 'stepRate')}`);
console.log(`  a hundred at once                             ${between('leasedHundred', 'stepHundred')}`);

await leased.close();
await store.flush();
await redis.config('RESETSTAT');
for (let i = 0; i < 500; i += 1) await stepNow();
console.log(`messages to the server per step                 ${((await scriptStats()).calls / 500).toFixed(2)}`);

// Two servers: one keeps six accounts, the other much besides. They are asked in turns.
const crowded = await startServer();
let clock = Date.UTC(2026, 0, 1, 12);
const quietStores = { now: store, later: redisStore(redis, { prefix: 'later', now: () => clock }) };
const crowdedStores = {
  now: redisStore(crowded.client),
  later: redisStore(crowded.client, { prefix: 'later', now: () => clock }),
};
async function serverTime({ client, at }, times = 1_000) {
  await client.config('RESETSTAT');
  for (let i = 0; i < times; i += 1) await step(at);
  return (await scriptStats(client)).perCall;
}
async function compared(which) {
  const quiet = { client: redis, at: quietStores[which] };
  const full = { client: crowded.client, at: crowdedStores[which] };
  for (const each of [quiet, full]) await serverTime(each);
  const ratios = [];
  for (let round = 0; round < 7; round += 1) {
    const without = await serverTime(quiet);
    ratios.push((await serverTime(full)) / without);
  }
  return median(ratios).toFixed(2);
}
const memory = async () => Number(/used_memory:(\d+)/.exec(await crowded.client.info('memory'))[1]);

console.log(`server time of a step                           ${(await serverTime({ client: redis, at: store })).toFixed(0)} us`);
await serverTime({ client: crowded.client, at: crowdedStores.now });
const before = await memory();
const crowd = 20_000;
for (let i = 0; i < crowd; i += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, n) => step(crowdedStores.now, [account('user', 'day', `user-${i + n}`)])));
}
await crowdedStores.now.flush();
const bytes = ((await memory()) - before) / crowd;
console.log(`  with 20,000 further accounts : without        ${await compared('now')}`);

const held = Array.from({ length: 5_000 }, (_, n) => ({ id: `held-${n}`, accounts: six, asks, ttlMs: 600_000 }));
await Promise.all(held.map((request) => crowdedStores.now.reserve(request)));
console.log(`  with 5,000 live holds : without               ${await compared('now')}`);

for (let day = 0; day < 2_000; day += 1, clock += 86_400_000) await step(crowdedStores.later);
console.log(`  after 2,000 days of the same accounts : none  ${await compared('later')}`);
console.log(`bytes per account, with its ended reservation   ${bytes.toFixed(0)}`);

redis.disconnect();
crowded.client.disconnect();
for (const each of [server, crowded.server]) {
  each.kill('SIGKILL');
  await once(each, 'exit');
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true });
