/**
 * The memory store: how long a reserve and its settle take together, and what accounts and remembered ends weigh.
 * Run by `npm run bench` or `node --expose-gc bench/store.mjs` after a build.
 */
import { account, actual, asks, idOf, load, median, ratio, six } from './support/step-over-six.mjs';

const { memoryStore } = await load('src/stores/memory-store.js');

const step = (store, id, accounts) => {
  store.reserve({ id, accounts, asks, ttlMs: 60_000 });
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
      store.reserve({ id: `id-${user.id}`, accounts: [user], asks, ttlMs: 60_000 });
      store.settle({ id: `id-${user.id}`, actual, accounts: [user] });
    }
    return store;
  });
  const [endBytes, alsoKept] = heapAfter(() => {
    const store = memoryStore();
    for (let i = 0; i < count - 1; i += 1) step(store, idOf(i), six);
    return store;
  });
  console.log(`bytes per remembered end                     ${Math.round(endBytes / count)}`);
  console.log(`bytes per account in use                     ${Math.round((accountBytes - endBytes) / count)}`);
  if (!kept || !alsoKept) throw new Error('unreachable');
} else {
  console.log('(run with --expose-gc for the bytes of accounts and remembered ends)');
}
