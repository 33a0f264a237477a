import { countTokens, createGuard, HaltError, RunEndedError, type EventName, type RunReport, type Store } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { faultyStore, type Fault } from '../support/faulty-store.ts';
import { prices, settleAll, watchRejections } from '../support/guards.ts';
import { seededRandom, type Random } from '../support/random.ts';
import { simulatedAgent } from '../support/simulated-agents.ts';

const userLimit = { usd: 0.01, tokens: 12_000 };
const runLimit = { steps: 12, tokens: 4_000 };

/** A process with a guard. When it dies, its timers stop and nothing of it reaches the store any more. */
function worker(clock: ReturnType<typeof fakeClock>, shared: Store) {
  const state = { isDead: false };
  const never = new Promise<never>(() => {});
  const alive = <A extends unknown[], T>(act: (...args: A) => T | Promise<T>) => {
    return (...args: A): T | Promise<T> => (state.isDead ? never : act(...args));
  };
  const store: Store = {
    ...shared,
    reserve: alive(shared.reserve),
    settle: alive(shared.settle),
    extend: alive(shared.extend),
  };
  const guard = createGuard({
    store,
    prices,
    minUseful: 1,
    concurrency: { guard: 6, run: 2 },
    budgets: { user: { ...userLimit, window: 'lifetime' }, run: runLimit, global: { steps: 100_000 } },
    clock: { ...clock, setTimeout: (callback, ms) => clock.setTimeout(() => void (state.isDead || callback()), ms) },
  });
  const stories = new Map<string, EventName[]>();
  const open = new Map<string, string>();
  const problems: string[] = [];
  const reports: RunReport[] = [];
  const story = (run: string, event: EventName): void => void stories.set(run, [...(stories.get(run) ?? []), event]);
  guard.on('run:start', ({ run }) => story(run.id, 'run:start'));
  guard.on('run:halt', ({ run }) => story(run.id, 'run:halt'));
  guard.on('run:end', ({ run, report }) => {
    story(run.id, 'run:end');
    reports.push(report);
  });
  guard.on('step:start', ({ run, step }) => {
    const past = stories.get(run.id) ?? [];
    if (past.includes('run:halt') || past.includes('run:end')) problems.push(`step ${step.index} of ${run.id} began after ${past.at(-1)}`);
    open.set(step.id, run.id);
  });
  guard.on('step:end', ({ step }) => {
    if (!open.delete(step.id)) problems.push(`step ${step.id} ended, but had not begun or had ended before`);
  });
  guard.on('hook:error', ({ hook, error }) => void problems.push(`${hook}: ${String(error)}`));
  return { guard, stories, open, problems, reports, die: () => void (state.isDead = true), state };
}

/** Outages shorter than a settlement is tried for, some time apart: nothing may be lost in them. */
function outages(random: Random, now: () => number) {
  let begins = now() + random.between(1_000, 20_000);
  let ends = begins + random.between(100, 1_000);
  let fault: Fault = 'reject';
  return (): Fault | undefined => {
    const moment = now();
    if (moment > ends) {
      begins = moment + random.between(5_000, 30_000);
      ends = begins + random.between(100, 1_000);
      fault = random.pick<Fault>(['throw', 'reject', 'lost-answer']);
    }
    return moment >= begins && random.chance(0.7) ? fault : undefined;
  };
}

async function simulate(seed: number): Promise<string[]> {
  const random = seededRandom(seed);
  const clock = fakeClock();
  const shared = faultyStore(clock.now);
  // What was booked after its hold had expired: the only thing besides overage that may pass a limit.
  let lateUsd = 0;
  const store: Store = {
    ...shared,
    settle: async (request) => {
      const reply = await shared.settle(request);
      if (reply.status === 'late') lateUsd += request.actual?.usd ?? 0;
      return reply;
    },
  };
  shared.decide = outages(random, clock.now);
  const workers = [worker(clock, store), worker(clock, store), worker(clock, store)];
  const dies = random.chance(0.5) ? random.between(10, 200) : Infinity;
  const problems: string[] = [];
  const agents = { busy: 0 };

  const employ = async (): Promise<void> => {
    const { guard, state } = random.pick(workers);
    if (state.isDead) return;
    agents.busy += 1;
    const own = random.chance(0.3) ? { budgets: { run: { steps: random.between(0, 20) } } } : {};
    try {
      await guard.run({ scopes: { user: random.pick(['ann', 'bob']) }, ...own }, async (run) => {
        await simulatedAgent(run, random, clock);
        if (random.chance(0.3) && !run.isEnded) await guard.run((child) => simulatedAgent(child, random, clock));
      });
    } catch (error) {
      if (!HaltError.is(error) && !(error instanceof RunEndedError)) problems.push(`an agent failed with ${String(error)}`);
    }
    agents.busy -= 1;
  };

  const audit = async (): Promise<void> => {
    for (const account of await shared.inner.list({ most: 1_000 })) {
      const { scope, id, settled, held, overage, limits } = account;
      if (scope === 'user' && settled.usd + held.usd > (limits.usd ?? 0) + overage.usd + lateUsd)
        problems.push(`${id}: ${settled.usd} and ${held.usd} held, above ${limits.usd}, overage ${overage.usd}, late ${lateUsd}`);
    }
  };

  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settleAll();
  };
  for (let tick = 0; tick < 250; tick += 1) {
    if (tick < 120 && random.chance(0.2)) employ().catch(() => {});
    if (tick === dies) workers[0]?.die();
    await pass(random.between(50, 1_500));
    if (tick % 10 === 0) await audit();
  }
  shared.decide = undefined;
  const closing = workers.filter(({ state }) => !state.isDead).map(({ guard }) => guard.close());
  for (let tick = 0; tick < 60; tick += 1) await pass(500);
  await Promise.all(closing);
  for (let tick = 0; tick < 20; tick += 1) await pass(10_000);
  await audit();

  let reported = 0;
  for (const { problems: own, stories, open, reports, state } of workers) {
    problems.push(...own);
    if (state.isDead) continue;
    if (open.size > 0) problems.push(`${open.size} steps never ended`);
    for (const [run, events] of stories) {
      const told = events.join(' ');
      if (!['run:start run:end', 'run:start run:halt run:end'].includes(told)) problems.push(`run ${run}: ${told}`);
    }
    for (const report of reports) {
      if (report.used.steps > runLimit.steps) problems.push(`run ${report.runId} took ${report.used.steps} steps`);
      if (report.parentId === undefined) reported += Math.round(report.used.usd * 1e9);
    }
  }
  const accounts = await shared.inner.list({ most: 1_000 });
  for (const { scope, id, held } of accounts) if (held.steps > 0) problems.push(`${scope} ${id} still holds ${held.steps} steps`);
  const booked = accounts.filter(({ scope }) => scope === 'user').reduce((sum, { settled }) => sum + settled.usd, 0);
  if (dies === Infinity && booked !== reported) problems.push(`runs report ${reported}, the store has booked ${booked}`);
  if (booked === 0) problems.push('nothing was booked: the simulation did nothing');
  return problems.map((problem) => `seed ${seed}: ${problem}`);
}

// The first count of a process loads its tables, in real time: a simulated hour would be over before that.
beforeAll(async () => void (await countTokens('ready')));

describe('three workers, a store with outages, agents of every kind', () => {
  const seeds = process.env['HOLDFAST_SEED'] ? [Number(process.env['HOLDFAST_SEED'])] : Array.from({ length: 12 }, (_, index) => index + 1);

  it.each(seeds)('keep every promise (seed %i; run one with HOLDFAST_SEED)', async (seed) => {
    const { seen } = watchRejections();
    expect(await simulate(seed)).toEqual([]);
    await settleAll();
    expect(seen, `seed ${seed}`).toEqual([]);
  });
});
