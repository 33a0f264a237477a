/**
 * The memory store: how long a reserve and its settle take together, and what accounts and remembered ends weigh.
 * Run by `npm run bench` or `node --expose-gc bench/store.mjs` after a build.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const load = (file) => import(pathToFileURL(path.join(built, 'src', file)).href);
const { memoryStore } = await load('stores/memory-store.js');
const { resolveWindow } = await load('core/window.js');
const { zero } = await load('core/amounts.js');

const limits = { usd: 9e15, tokens: 9e15, steps: 9e15, modelCalls: 9e15, reasoningTokens: 9e15 };
const account = (scope, window, id = 'one') => ({
  tenant: 'acme',
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
  account('feature', { every: 'week', timeZone: 'Europe/Berlin' }),
  account('tenant', 'month'),
  account('global', 'day'),
];
const ask = {
  base: { ...zero, usd: 12_000, tokens: 800, inputTokens: 800, reasoningTokens: 200, steps: 1, modelCalls: 1 },
  perUnit: { ...zero, usd: 600, tokens: 1, outputTokens: 1 },
  unitsWanted: 4096,
  unitsLeast: 256,
  yielding: ['reasoningTokens'],
};
const actual = { ...zero, usd: 90_000, tokens: 1000, inputTokens: 800, outputTokens: 200, reasoningTokens: 50, steps: 1, modelCalls: 1 };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const step = (store, id, accounts) => {
  store.reserve({ id, accounts, asks: [ask], ttlMs: 60_000 });
  store.settle({ id, actual, accounts });
};

/** Microseconds of one step, as the median of batches of 100 around a number of steps. */
function microsAround(store, accounts, from, steps) {
  const batches = [];
  for (let done = 0; done < steps; done += 100) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < 100; i += 1) step(store, `step-${from + done + i}`, accounts);
    batches.push(Number(process.hrtime.bigint() - began) / 100_000);
  }
  return median(batches);
}

const warm = memoryStore();
for (let i = 0; i < 30_000; i += 1) step(warm, `warm-${i}`, six);

const rounds = Array.from({ length: 5 }, () => {
  const store = memoryStore();
  const early = microsAround(store, six, 0, 2_000);
  for (let i = 2_000; i < 100_000; i += 1) step(store, `step-${i}`, six);
  const late = microsAround(store, six, 100_000, 2_000);
  const single = microsAround(memoryStore(), six.slice(0, 1), 0, 2_000);
  const rolling = memoryStore();
  const minute = [...six.slice(0, 5), account('global', { rolling: '60m' })];
  return { early, late, single, rolling: microsAround(rolling, minute, 0, 2_000) };
});
const of = (name) => median(rounds.map((round) => round[name]));
const ratio = (a, b) => (a / b).toFixed(2);
console.log(`reserve + settle over 6 accounts            ${of('early').toFixed(1)} us`);
console.log(`  around step 100,000 : at the start         ${ratio(of('late'), of('early'))}`);
console.log(`  6 accounts : 1 account                     ${ratio(of('early'), of('single'))}`);
console.log(`  one of them rolling (60 slots) : none      ${ratio(of('rolling'), of('early'))}`);

if (globalThis.gc) {
  const heapAfter = (work) => {
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    const kept = work();
    globalThis.gc();
    return [process.memoryUsage().heapUsed - before, kept];
  };
  const count = 50_000;
  const users = Array.from({ length: count }, (_, i) => account('user', 'day', `user-${i}`));
  const [accountBytes, kept] = heapAfter(() => {
    const store = memoryStore();
    for (const user of users) {
      store.reserve({ id: `id-${user.id}`, accounts: [user], asks: [ask], ttlMs: 60_000 });
      store.settle({ id: `id-${user.id}`, actual, accounts: [user] });
    }
    return store;
  });
  const [endBytes, alsoKept] = heapAfter(() => {
    const store = memoryStore();
    for (let i = 0; i < count - 1; i += 1) step(store, `0b8f3a52-4a1e-7c3d-9b21-${String(i).padStart(12, '0')}`, six);
    return store;
  });
  console.log(`bytes per remembered end                     ${Math.round(endBytes / count)}`);
  console.log(`bytes per account in use                     ${Math.round((accountBytes - endBytes) / count)}`);
  if (!kept || !alsoKept) throw new Error('unreachable');
} else {
  console.log('(run with --expose-gc for the bytes of accounts and remembered ends)');
}
