/**
 * A step of a run: how long begin and end take together, early and late in a run, and what live runs weigh.
 * Run by `npm run bench -- core` or `node --expose-gc bench/core.mjs` after a build.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const built = process.env.HOLDFAST_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const { createGuard } = await import(pathToFileURL(path.join(built, 'src', 'index.js')).href);

const six = {
  run: { usd: 9_000_000, tokens: 9e15, steps: 9e15 },
  session: { tokens: 9e15 },
  user: { usd: 9_000_000, window: 'day' },
  feature: { tokens: 9e15, window: { every: 'week', timeZone: 'Europe/Berlin' } },
  tenant: { usd: 9_000_000, window: 'month' },
  global: { usd: 9_000_000, window: 'day' },
};
const scopes = { session: 's', user: 'u', feature: 'f', tenant: 't' };
const prices = { m: { input: 1, output: 2 } };
const usage = { inputTokens: 20, outputTokens: 12, reasoningTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0 };
const model = { kind: 'model', model: 'm', input: 'What is the weather like?' };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const ratio = (a, b) => (a / b).toFixed(2);

const modelStep = async (run) => {
  const step = await run.begin(model);
  await step.end({}, usage);
};
const toolStep = async (run, i) => {
  const step = await run.begin({ kind: 'tool', name: 'search', args: { query: `question ${i}` } });
  await step.end({ output: `answer ${i}` });
};

/** Microseconds of one step: the median of batches of 10, from one step of the run up to another. */
async function microsOf(run, work, from, to) {
  const batches = [];
  for (let i = from; i < to; i += 10) {
    const began = performance.now();
    for (let j = i; j < i + 10; j += 1) await work(run, j);
    batches.push((performance.now() - began) * 100);
  }
  return median(batches);
}

async function longRun(options, work, steps) {
  const guard = createGuard({ prices, ...options });
  const run = guard.start({ scopes });
  for (let i = 0; i < 10; i += 1) await work(run, i);
  const early = await microsOf(run, work, 10, 1_010);
  for (let i = 1_010; i < steps; i += 1) await work(run, i);
  const late = await microsOf(run, work, steps, steps + 1_000);
  await run.end();
  return { early, late };
}

const ways = {
  'model step, 6 scopes': { options: { budgets: six }, work: modelStep },
  'model step, 1 scope': { options: { budgets: { run: six.run } }, work: modelStep, isShort: true },
  'tool step, 6 scopes, loops off': { options: { budgets: six, loops: 'off' }, work: toolStep, isShort: true },
  'tool step, 6 scopes, loops on': { options: { budgets: six }, work: toolStep },
};
const most = Number(process.env.HOLDFAST_BENCH_STEPS ?? 100_000);
const rounds = [];
for (const { options, work } of Object.values(ways)) await longRun(options, work, 5_000);
for (let round = 0; round < 3; round += 1) {
  const measured = {};
  for (const [name, { options, work, isShort }] of Object.entries(ways))
    measured[name] = await longRun(options, work, isShort ? 2_000 : most);
  rounds.push(measured);
}
const of = (name, part) => median(rounds.map((round) => round[name][part]));
const first = of(Object.keys(ways)[0], 'early');
for (const [name, { isShort }] of Object.entries(ways)) {
  const early = of(name, 'early');
  const late = isShort ? '' : `   step ${most} : step 10  ${ratio(of(name, 'late'), early)}`;
  console.log(`${name.padEnd(32)} begin + end ${early.toFixed(1).padStart(6)} us   : first row  ${ratio(early, first)}${late}`);
}

if (globalThis.gc) {
  const heap = () => {
    globalThis.gc();
    return process.memoryUsage().heapUsed;
  };
  const count = 500;
  const kept = [];
  for (const stepsEach of [0, 10, 100, 500]) {
    const guard = createGuard({ prices, budgets: six });
    kept.push(guard);
    const before = heap();
    for (let i = 0; i < count; i += 1) {
      const run = guard.start({ scopes: { ...scopes, session: `s${i}` } });
      for (let j = 0; j < stepsEach; j += 1) await (j % 2 === 0 ? modelStep : toolStep)(run, i * stepsEach + j);
    }
    const each = (heap() - before) / count / 1024;
    console.log(
      `live run after ${String(stepsEach).padStart(3)} steps ${each.toFixed(1).padStart(20)} KiB, with its share of what the store remembers`,
    );
  }
  for (const guard of kept) await guard.close();
} else {
  console.log('(run with --expose-gc for the memory of live runs)');
}
