import fc from 'fast-check';
import { resolveWindow, type AccountRef, type Run, type SettleRequest, type Step, type StoreErrorPolicy } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { zero } from '../../src/core/amounts.ts';
import { createJournal, type SettlementsLostError } from '../../src/runtime/journal.ts';
import { detach, withinTime } from '../../src/runtime/time-limit.ts';
import { faultyStore, type Fault } from '../support/faulty-store.ts';
import { modelCall, settleAll, usage } from '../support/guards.ts';
import { refuseUnhandledRejections, setUp } from '../support/shared-store.ts';

refuseUnhandledRejections();

const fault = fc.constantFrom<Fault>('none', 'none', 'throw', 'reject', 'hang', 'lost-answer');
const policies = fc.constantFrom<StoreErrorPolicy>('open', 'local', 'closed');

type Act =
  | { readonly do: 'outage'; readonly reserve: Fault; readonly settle: Fault; readonly rest: Fault }
  | { readonly do: 'begin' | 'end' | 'release'; readonly at: number; readonly tokens: number }
  | { readonly do: 'endRun'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('outage' as const), reserve: fault, settle: fault, rest: fault }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom('begin' as const, 'begin' as const, 'end' as const, 'end' as const, 'release' as const),
      at: fc.nat(20),
      tokens: fc.integer({ min: 1, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('endRun' as const), at: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(100, 2_500, 40_000) }) },
);

describe('steps over a store that comes and goes', () => {
  /** Plays the acts; returns what was done, what the store has in the end, and what was reported lost. */
  async function play(acts: readonly Act[], onStoreError: StoreErrorPolicy) {
    const { store, guard, events, clock, wait } = setUp({
      budgets: { user: { tokens: 10_000_000, onStoreError }, run: { steps: 1_000 } },
      loops: 'off',
      minUseful: 1,
    });
    const [runs, steps]: [Run[], Step[]] = [[guard.start()], []];
    const done = { calls: 0, tokens: 0 };
    for (const each of acts) {
      if (each.do === 'outage') {
        const { reserve, settle, rest } = each;
        store.faults = { reserve, settle, extend: rest, flush: rest, read: rest };
      }
      if (each.do === 'wait') {
        // Little by little: pauses before a settlement is tried again follow each other.
        for (let turn = 0; turn < 8; turn += 1) {
          clock.advance(each.ms / 8);
          await settleAll();
        }
      }
      if (each.do === 'begin') {
        const run = runs[each.at % runs.length];
        if (run)
          await wait(run.begin(modelCall())).then(
            (step) => void steps.push(step),
            () => runs.splice(runs.indexOf(run), 1, guard.start()),
          );
      }
      if (each.do === 'end' || each.do === 'release') {
        const [step] = steps.splice(each.at % Math.max(1, steps.length), 1);
        if (step && each.do === 'release') await step.release();
        if (step && each.do === 'end') {
          await step.end({}, usage(0, each.tokens));
          done.calls += 1;
          done.tokens += each.tokens;
        }
      }
      if (each.do === 'endRun') {
        const [run] = runs.splice(each.at % runs.length, 1, guard.start());
        const open = steps.filter(({ id }) => run && id.startsWith(run.id));
        for (const step of open) {
          steps.splice(steps.indexOf(step), 1);
          await step.release();
        }
        if (run) await wait(run.end());
      }
    }
    for (const step of steps) await step.release();
    store.faults = {};
    for (let turn = 0; turn < 40; turn += 1) {
      clock.advance(5_000);
      await settleAll();
    }
    for (const run of runs) await wait(run.end());
    const { used, held } = await wait(guard.read('user'));
    const lost = events.of('store:error').filter(({ operation }) => operation === 'journal');
    const journaled = events.of('store:recovered').reduce((sum, { settlements }) => sum + settlements, 0);
    return { done, journaled, booked: { calls: used.modelCalls, tokens: used.tokens }, held: held.tokens, lost };
  }

  it('are booked exactly once when it is back, whatever failed in whatever order, under each policy', async () => {
    let all = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40, size: 'max' }), policies, async (acts, policy) => {
        const { done, journaled, booked, held, lost } = await play(acts, policy);
        all += journaled;
        expect({ booked, held, lost }).toEqual({ booked: done, held: 0, lost: [] });
      }),
      { numRuns: 40, seed: 20_260_115 },
    );
    expect(all, 'settlements that waited in the journal').toBeGreaterThan(40);
  });
});

const account: AccountRef = {
  tenant: 't',
  scope: 'user',
  id: 'u',
  window: resolveWindow('lifetime'),
  limits: {},
  alertAt: [],
  onExpire: 'release',
};

describe('the journal', () => {
  /** Each usage is a bit of its own: what the store has tells which of them were booked, and a second time would show. */
  const request = (index: number, isRelease: boolean): SettleRequest => ({
    id: `step-${index}`,
    accounts: [account],
    actual: isRelease ? undefined : { ...zero, tokens: 2 ** index },
  });
  const journalAct = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('add' as const), isRelease: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('outage' as const), fault }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wake' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(500, 5_000, 60_000) }) },
  );

  it('keeps no more than its bound, and each usage is booked once or told to be lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(journalAct, { maxLength: 50, size: 'max' }),
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        async (acts, most, isBack) => {
          const clock = fakeClock();
          const store = faultyStore(clock.now);
          const told = { lost: 0, recovered: 0 };
          const journal = createJournal({
            clock,
            most,
            settle: (each) =>
              withinTime(
                'store.settle',
                Promise.resolve().then(() => store.settle(each)),
                1_000,
                clock,
              ),
            onError: (operation, error) => void (operation === 'journal' && (told.lost += (error as SettlementsLostError).count)),
            onRecovered: (count) => void (told.recovered += count),
          });
          const answers: { readonly isRelease: boolean; what: 'open' | 'booked' | 'lost' }[] = [];
          for (const each of acts) {
            if (each.do === 'add') {
              const answer: (typeof answers)[number] = { isRelease: each.isRelease, what: 'open' };
              detach(journal.add(request(answers.length, each.isRelease)).then((reply) => void (answer.what = reply ? 'booked' : 'lost')));
              answers.push(answer);
            }
            if (each.do === 'outage') store.faults = { settle: each.fault };
            if (each.do === 'wake') journal.wake();
            if (each.do === 'wait') clock.advance(each.ms);
            await settleAll();
            expect(journal.size).toBeLessThanOrEqual(most);
          }
          if (isBack) store.faults = {};
          const waiting = answers.filter(({ what }) => what === 'open');
          const closing = journal.close();
          for (let turn = 0; turn < 20; turn += 1) {
            clock.advance(1_000);
            await settleAll();
          }
          await closing;

          const has = (await store.inner.read(account)).settled.tokens.toString(2).split('').toReversed();
          const usages = answers.map((answer, index) => ({ ...answer, isThere: has[index] === '1' })).filter(({ isRelease }) => !isRelease);
          expect(answers.filter(({ what }) => what === 'open')).toEqual([]);
          expect(usages.filter(({ what, isThere }) => what === 'booked' && !isThere)).toEqual([]);
          expect(usages.filter(({ what }) => what === 'lost')).toHaveLength(told.lost);
          expect(answers.filter(({ what }) => what === 'booked')).toHaveLength(told.recovered);
          if (isBack) expect(waiting.filter(({ what }) => what === 'lost')).toEqual([]);
        },
      ),
      { numRuns: 200, seed: 20_260_115 },
    );
  });
});
