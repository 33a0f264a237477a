/**
 * Budgets in Redis over a long time: processes that step, are killed and start anew, while Redis itself is killed and started
 * now and then. At the end the books agree to the last unit and no hold is left. Needs redis-server, and a build.
 *
 *   node scripts/soak-redis.mjs [MINUTES=15] [WORKERS=3]
 *
 * Workers are of three kinds. `plain` ones are killed at any moment; `leased` ones draw on leases and are ended, `guarded` ones
 * step through a guard that goes on without the store (`open`). Each writes down what it is about to book before it books it. A
 * booking of which nobody knows whether it arrived is made once more by its id at the end: it counts once.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';

const dist = path.join(import.meta.dirname, '..', 'dist');
const load = (file) => import(pathToFileURL(path.join(dist, file)).href);
const { createGuard, resolveWindow } = await load('src/index.js');
const { redisStore } = await load('integrations/redis/index.js');

const nothing = { usd: 0, tokens: 0, inputTokens: 0, outputTokens: 0, reasoningTokens: 0, steps: 0, modelCalls: 0, toolCalls: 0 };
const account = (scope, id, onExpire, limits) => ({
  tenant: scope === 'global' ? '' : 'acme',
  scope,
  id,
  window: resolveWindow('lifetime'),
  limits,
  alertAt: [0.5, 0.9],
  onExpire,
});
const FIRST_LIMIT = 2_000;
/** What all share: one that frees what the dead held, one that goes on counting it, and one whose limit is raised as it goes. */
const shared = [
  account('global', 'global', 'release', { tokens: 1e12 }),
  account('tenant', 'acme', 'charge', { tokens: 1e12 }),
  account('feature', 'hot', 'charge', { tokens: FIRST_LIMIT }),
];
/** The guard has its user alone: its budgets are made by itself. */
const accountsOf = (kind) => [...(kind === 'guarded' ? [] : shared), account('user', kind, 'release', { tokens: 1e12 })];
const KINDS = ['plain', 'leased', 'guarded'];
const HOLD_MS = 4_000;
const PACE_MS = 40;
const between = (least, most) => least + Math.random() * (most - least);
const connect = (port) => {
  const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 100, maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  return redis;
};
const storeOf = (redis, lease) => redisStore(redis, { remember: '1d', timeoutMs: 500, restMs: 200, ...(lease && { lease }) });

/** Tries until it is done: by its id it is done once. */
async function untilDone(work) {
  for (;;) {
    try {
      return await work();
    } catch {
      await pause(100);
    }
  }
}

const [first, ...others] = process.argv.slice(2);
if (first === 'worker') await workerMain(...others);
else await soak(Number(first ?? 15), Number(others[0] ?? 3));

/* Workers */

async function workerMain(kind, port, file) {
  const redis = connect(Number(port));
  const write = (...line) => appendFileSync(file, `${JSON.stringify(line)}\n`);
  const ending = new AbortController();
  process.on('SIGTERM', () => ending.abort());
  const steps = kind === 'guarded' ? guardedSteps(redis, write) : storeSteps(kind, redis, write);
  const lanes = Array.from({ length: 2 }, async () => {
    while (!ending.signal.aborted) {
      await steps.one();
      await pause(between(0, 2 * PACE_MS));
    }
  });
  await Promise.all(lanes);
  await steps.end();
  redis.disconnect();
}

function storeSteps(kind, redis, write) {
  const store = storeOf(redis, kind === 'leased' && { tokens: 400, for: '2s' });
  const accounts = accountsOf(kind);
  let number = 0;
  return {
    async one() {
      const id = `${kind}-${process.pid}-${Date.now()}-${(number += 1)}`;
      const tokens = Math.ceil(between(0, 20));
      const settle = (actual) => untilDone(() => store.settle({ id, accounts, actual }));
      write('reserve', id);
      let reply;
      try {
        reply = await store.reserve({ id, accounts, asks: [{ base: { ...nothing, tokens, steps: 1 } }], ttlMs: HOLD_MS });
      } catch {
        await settle(undefined);
        return write('end', id);
      }
      if (!reply.granted) return write('end', id);
      await pause(between(0, PACE_MS));
      const used = Math.random() < 0.15 ? undefined : { ...nothing, tokens: Math.floor(between(0, tokens + 1)), steps: 1 };
      write('settle', id, used?.tokens ?? 0);
      await settle(used);
      write('end', id);
    },
    end: () => untilDone(() => store.close()),
  };
}

/** Through the guard: it books in the end what it has done while the store was away. */
function guardedSteps(redis, write) {
  const guard = createGuard({
    store: storeOf(redis),
    onStoreError: 'open',
    holdTtl: '4s',
    budgets: { run: {}, user: { tokens: 1e12 } },
  });
  guard.on('store:error', ({ operation, error }) => {
    if (operation === 'journal') write('lost', String(error));
  });
  return {
    async one() {
      const run = guard.start({ scopes: { tenant: 'acme', user: 'guarded' } });
      for (let step = 0; step < 3; step += 1) {
        await run.step({ kind: 'model', model: 'gpt-4o', input: 'hello', maxOutputTokens: 20 }, async () => {
          await pause(between(0, PACE_MS));
          return { output: 'x', usage: { inputTokens: 3, outputTokens: Math.floor(between(0, 20)) } };
        });
      }
      await run.end();
      write('used', run.report().used.tokens);
    },
    async end() {
      await untilDone(() => redis.ping());
      await guard.close();
    },
  };
}

/* The parent of all */

async function soak(minutes, workerCount) {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-soak-'));
  const endsAt = Date.now() + minutes * 60_000;
  const port = 25_000 + (process.pid % 10_000);
  const settings = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  const startServer = () => spawn('redis-server', ['--port', String(port), ...settings], { stdio: 'ignore' });
  const counts = { kills: 0, ends: 0, restarts: 0, looks: 0 };
  const problems = [];
  let server = startServer();
  const redis = connect(port);
  await untilDone(() => redis.ping());
  const store = storeOf(redis);
  const ended = (child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined);

  let files = 0;
  const workers = new Map();
  function startWorker(place) {
    const kind = KINDS[place % KINDS.length];
    const file = path.join(folder, `${kind}-${(files += 1)}.jsonl`);
    const child = spawn(process.execPath, [import.meta.filename, 'worker', kind, String(port), file], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('exit', (code) => {
      if (code !== null && code !== 0) problems.push(`a ${kind} worker ended with ${code}`);
    });
    workers.set(place, { kind, child });
  }
  for (let place = 0; place < workerCount; place += 1) startWorker(place);

  /** Ends a worker as its kind allows, and starts another one in its place. */
  async function replaceWorker(place, isLast) {
    const { kind, child } = workers.get(place);
    const isKilled = kind === 'plain' && !isLast;
    const exit = ended(child);
    child.kill(isKilled ? 'SIGKILL' : 'SIGTERM');
    await exit;
    counts[isKilled ? 'kills' : 'ends'] += 1;
    if (!isLast) startWorker(place);
  }

  /** No account is ever above its limit: the holds are what steps use at most. */
  async function look() {
    for (const ref of shared) {
      const { settled, held, unconfirmed, limits } = await store.read(ref);
      const all = settled.tokens + held.tokens + unconfirmed.tokens;
      if (all > limits.tokens) problems.push(`${ref.scope} stands at ${all} of ${limits.tokens}`);
    }
    counts.looks += 1;
  }

  let limit = FIRST_LIMIT;
  let restartAt = Date.now() + between(20_000, 60_000);
  while (Date.now() < endsAt) {
    await pause(between(3_000, 9_000));
    await replaceWorker(Math.floor(between(0, workerCount)), false);
    limit += Math.floor(between(0, 2_000));
    await untilDone(() => store.adjust(shared[2], { limits: { tokens: limit } }));
    await untilDone(look);
    if (Date.now() < restartAt) continue;
    const exit = ended(server);
    server.kill('SIGKILL');
    await exit;
    await pause(between(200, 4_000));
    server = startServer();
    counts.restarts += 1;
    restartAt = Date.now() + between(30_000, 90_000);
  }
  await untilDone(() => redis.ping());
  for (const place of workers.keys()) await replaceWorker(place, true);

  const books = readBooks(folder);
  await finish(store, books);
  await pause(2 * HOLD_MS);
  for (const kind of KINDS) await compare(store, accountsOf(kind).at(-1), books.booked[kind], problems);
  for (const ref of shared) await compare(store, ref, books.booked.plain + books.booked.leased, problems);
  problems.push(...books.lost);

  const keys = await redis.dbsize();
  await store.close();
  redis.disconnect();
  server.kill('SIGKILL');
  await ended(server);
  rmSync(folder, { recursive: true, force: true });
  const { kills, ends, restarts, looks } = counts;
  console.log(`${minutes} minutes, ${workerCount} workers: ${kills} killed, ${ends} ended, Redis killed ${restarts} times`);
  console.log(`${books.steps} steps booked; ${books.open.size} were left open by the dead, ${books.late} of them came to a booking`);
  console.log(`tokens booked: ${KINDS.map((kind) => `${kind} ${books.booked[kind]}`).join(', ')}; ${looks} looks; ${keys} keys`);
  for (const problem of problems) console.log(`WRONG: ${problem}`);
  console.log(problems.length === 0 ? 'the books agree, and no hold is left' : `${problems.length} things are wrong`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** What the workers wrote down. `open`: of these steps nobody knows how far they came. */
function readBooks(folder) {
  const books = { booked: { plain: 0, leased: 0, guarded: 0 }, open: new Map(), lost: [], steps: 0, late: 0 };
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
    const kind = file.split('-')[0];
    for (const line of readFileSync(path.join(folder, file), 'utf8').split('\n')) {
      if (line === '') continue;
      const [what, id, tokens] = JSON.parse(line);
      if (what === 'reserve') books.open.set(id, { kind, tokens: undefined });
      if (what === 'settle') {
        books.open.set(id, { kind, tokens });
        books.booked[kind] += tokens;
        books.steps += 1;
      }
      if (what === 'end') books.open.delete(id);
      if (what === 'used') [books.booked[kind], books.steps] = [books.booked[kind] + id, books.steps + 3];
      if (what === 'lost') books.lost.push(id);
    }
  }
  return books;
}

/** Ends what the dead left open, as they would have: by its id it counts once. */
async function finish(store, books) {
  for (const [id, { kind, tokens }] of books.open) {
    const actual = tokens === undefined ? undefined : { ...nothing, tokens, steps: 1 };
    if (actual) books.late += 1;
    await untilDone(() => store.settle({ id, accounts: accountsOf(kind), actual }));
  }
}

async function compare(store, ref, expected, problems) {
  const { settled, held, unconfirmed } = await store.read(ref);
  const name = `${ref.scope} ${ref.id}`;
  if (settled.tokens !== expected) problems.push(`${name} has ${settled.tokens} tokens, and ${expected} were booked`);
  for (const [what, { tokens, steps }] of Object.entries({ held, unconfirmed })) {
    if (tokens !== 0 || steps !== 0) problems.push(`${name} has ${tokens} tokens of ${steps} steps ${what}`);
  }
}
