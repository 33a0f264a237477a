import fc from 'fast-check';
import { createGuard, HaltError, type Guard, type Limits, type PublicAmounts, type Run, type Step, type Store } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { faultyStore } from '../support/faulty-store.ts';
import { modelCall, prices, settleAll, toolCall, usage } from '../support/guards.ts';
import { runCommands, type OwnLimits, type RunCommand } from '../support/run-commands.ts';
import { differences, isTrue, nothing, type ModelAccount } from '../support/run-model.ts';

interface LiveRun {
  readonly run: Run;
  /** Names of the accounts that it draws on, with the tighter limits that it has there. */
  readonly accounts: ReadonlyMap<string, Limits>;
  readonly parent: LiveRun | undefined;
}

interface LiveStep {
  readonly step: Step;
  readonly of: LiveRun;
  readonly held: PublicAmounts;
}

const limits = {
  global: { steps: 40 },
  user: { usd: 0.002, steps: 15 },
  session: { tokens: 2_500, modelCalls: 12 },
  run: { steps: 10, tokens: 2_000 },
} as const;

/** A run inside another is bound by that one's limits on shared scopes; here it only has limits of its own. */
const ownOnly = ({ run }: OwnLimits): OwnLimits => (run ? { run } : {});

/** A guard and its plain model, kept in step. */
function world(makeStore: ((now: () => number) => Store) | undefined) {
  const clock = fakeClock();
  const guard = createGuard({
    clock,
    store: makeStore?.(clock.now),
    prices,
    loops: 'off',
    minUseful: 1,
    budgets: limits,
    storeTimeout: '1d',
  });
  const accounts = new Map<string, ModelAccount>();
  const runs: LiveRun[] = [];
  const steps: LiveStep[] = [];
  const heldOf = new Map<string, PublicAmounts>();
  guard.on('step:start', ({ step }) => void heldOf.set(step.id, step.held));
  const quiet = (): Promise<void> => (makeStore ? settleAll() : Promise.resolve());

  /** Time does not jump over a store's answers. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 15_000) {
      clock.advance(Math.min(left, 15_000));
      await quiet();
    }
  }

  const open = (name: string, limit: Limits): string => {
    if (!accounts.has(name)) accounts.set(name, { limits: limit, booked: [], held: new Map() });
    return name;
  };
  const eachAccount = (of: LiveRun): ModelAccount[] => [...of.accounts.keys()].map((name) => accounts.get(name)).filter((found) => !!found);

  function start(user: number, session: number, parent: LiveRun | undefined, own: OwnLimits): void {
    const ids = parent ? parent.run.scopes : { user: `u${user}`, session: `s${session}` };
    const run = guard.start({ ...(parent ? { parent: parent.run } : { parent: null, scopes: ids }), budgets: own });
    const names = new Map<string, Limits>(parent?.accounts);
    if (!parent) {
      names.set(open('global/global', limits.global), {});
      names.set(open(`user/${ids['user']}`, limits.user), own.user ?? {});
      names.set(open(`session/${ids['session']}`, limits.session), {});
      names.set(open(`run/${run.id}`, limits.run), own.run ?? {});
    } else if (own.run) names.set(open(`run/${run.id}`, own.run), own.run);
    runs.push({ run, accounts: names, parent });
  }

  async function begin(of: LiveRun, cap: number | undefined): Promise<void> {
    try {
      const step = await of.run.begin(cap === undefined ? toolCall() : modelCall({ maxOutputTokens: cap }));
      const held = heldOf.get(step.id) ?? nothing;
      for (const account of eachAccount(of)) account.held.set(step.id, held);
      steps.push({ step, of, held });
    } catch (error) {
      if (!HaltError.is(error)) {
        expect(of.run.isEnded).toBe(true);
        return;
      }
      const { denial } = error.halt;
      // A run that was halted before says again what it said then.
      if (!denial || error.halt !== of.run.halted || refused.has(of.run.id)) return;
      refused.add(of.run.id);
      // A step that was granted before this refusal may be told only now.
      await settleAll();
      const account = accounts.get(`${denial.scope}/${denial.id}`);
      expect(account && isTrue(denial, account), `${error.message} was not true`).toBe(true);
    }
  }
  const refused = new Set<string>();

  function book({ step, of }: LiveStep, amounts: PublicAmounts | undefined): void {
    for (const account of eachAccount(of)) {
      account.held.delete(step.id);
      if (amounts) account.booked.push(amounts);
    }
  }

  const billed = (input: number, output: number): PublicAmounts => ({
    ...nothing,
    usd: (input * 1_000 + output * 2_000) / 1e9,
    tokens: input + output,
    inputTokens: input,
    outputTokens: output,
    steps: 1,
    modelCalls: 1,
  });

  const takeStep = (index: number): LiveStep | undefined => steps.splice(steps.length > 0 ? index % steps.length : 0, 1)[0];
  const pickRun = (index: number): LiveRun | undefined => runs[runs.length > 0 ? index % runs.length : 0];

  async function endRun(index: number): Promise<void> {
    const ended = pickRun(index);
    if (!ended) return;
    const isInside = (other: LiveRun | undefined): boolean => other !== undefined && (other === ended || isInside(other.parent));
    // Steps that nobody ended are booked with their likely input, which only the guard knows: here they are ended first.
    for (const live of steps.filter(({ of }) => isInside(of))) {
      steps.splice(steps.indexOf(live), 1);
      await live.step.release();
      book(live, undefined);
    }
    await ended.run.end();
    runs.splice(runs.indexOf(ended), 1);
  }

  async function obey(command: RunCommand): Promise<void> {
    switch (command.do) {
      case 'start': {
        const parent = command.inside === null ? undefined : pickRun(command.inside);
        return start(command.user, command.session, parent, parent ? ownOnly(command.own) : command.own);
      }
      case 'beginModel': {
        const of = pickRun(command.run);
        return of && begin(of, command.cap);
      }
      case 'beginTool': {
        const of = pickRun(command.run);
        return of && begin(of, undefined);
      }
      case 'beginMany': {
        const of = pickRun(command.run);
        if (of) await Promise.all(Array.from({ length: command.count }, (_, index) => begin(of, index % 2 === 0 ? 50 : undefined)));
        return undefined;
      }
      case 'end':
      case 'endTwice': {
        const live = takeStep(command.step);
        if (!live) return undefined;
        const isTool = live.step.call.kind === 'tool';
        await live.step.end({}, usage(command.input, command.output));
        if (command.do === 'endTwice') await live.step.end({}, usage(command.output, command.input));
        return book(live, isTool ? live.held : billed(command.input, command.output));
      }
      case 'endUnknown': {
        const live = takeStep(command.step);
        await live?.step.end();
        return live && book(live, live.held);
      }
      case 'refused': {
        const live = takeStep(command.step);
        if (!live) return undefined;
        await live.step.fail(Object.assign(new Error('bad request'), { status: 400 }));
        return book(live, live.step.call.kind === 'tool' ? live.held : { ...nothing, steps: 1, modelCalls: 1 });
      }
      case 'release': {
        const live = takeStep(command.step);
        await live?.step.release();
        return live && book(live, undefined);
      }
      case 'advance':
        return pass(command.ms);
      case 'endRun':
        return endRun(command.run);
    }
  }

  /** Compares every account with the model, and every run's report with the sum of its parts. */
  async function check(): Promise<void> {
    await quiet();
    const found: string[] = [];
    for (const [name, account] of accounts) {
      const [scope = '', id = ''] = name.split('/');
      const isOver = scope === 'run' && !runs.some(({ run }) => run.id === id);
      if (!isOver) found.push(...differences(name, account, await readAccount(guard, scope, id)));
    }
    expect(found).toEqual([]);
  }
  return { obey, check, guard, clock };
}

const readAccount = (guard: Guard<string, unknown>, scope: string, id: string) => guard.read(scope, id);

const stores: [string, ((now: () => number) => Store) | undefined, number][] = [
  ['the store of this process', undefined, 400],
  ['a store that answers later', (now) => faultyStore(now), 80],
];

describe.each(stores)('with %s', (_, makeStore, numRuns) => {
  it('sums are those of a plain model and never pass a limit but by overage, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(runCommands, async (commands) => {
        const { obey, check, guard } = world(makeStore);
        for (const command of commands) {
          await obey(command);
          await check();
        }
        await guard.close();
      }),
      { numRuns, seed: 20_260_115 },
    );
  });

  it('exactly 100 of 1,000 concurrent runs get a step from a limit of 100', async () => {
    const clock = fakeClock();
    for (const scope of ['global', 'user'] as const) {
      const guard: Guard<string, unknown> = createGuard({
        clock,
        store: makeStore?.(clock.now),
        storeTimeout: '1d',
        budgets: { [scope]: { steps: 100 } },
      });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 1_000 }, (_, index) =>
          guard.run((run) => run.step(index % 2 === 0 ? toolCall() : modelCall(), async () => ({ output: index, usage: usage(1, 1) }))),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
      await settleAll();
      expect(await guard.read(scope)).toMatchObject({ used: { steps: 100 }, held: { steps: 0 } });
      await guard.close();
    }
  });
});
