import type { AccountRef } from '../../stores/store.ts';
import { accountOf, askFor, amounts, TTL_MS, type StoreCase, type StoreWorld } from './world.ts';

/** A limit of a thousand steps like these: a store that keeps parts of accounts at hand serves them from there. */
const roomy = (more: Parameters<typeof accountOf>[2] = {}, id = 'one'): AccountRef =>
  accountOf('user', { usd: 1_000, steps: 1_000 }, { id, ...more });
const small = askFor({ usd: 10, steps: 1 });

/** What was used above the holds of an account: of several steps that are told together only what is above all of them. */
async function expectOverage({ sums, tells, expect }: StoreWorld, account: AccountRef, overage: number): Promise<void> {
  const told = (await sums(account))[3];
  expect(tells === 'together' ? told <= overage : told === overage, `an overage of ${told}, and not of ${overage}`).toBe(true);
}

/** Some steps before the one that is looked at. */
async function warm({ use }: StoreWorld, accounts: readonly AccountRef[]): Promise<void> {
  for (const id of ['warm-1', 'warm-2', 'warm-3']) await use(id, accounts, { usd: 10, steps: 1 });
}

/** The same promises for steps that are small against their limits. */
export const smallStepCases: readonly StoreCase[] = [
  {
    name: 'books many small steps to the last one',
    async run(world) {
      const { hold, settle, sums, expect } = world;
      const accounts = [roomy(), accountOf('run', { usd: 2_000 })];
      for (let turn = 0; turn < 30; turn += 1) {
        await hold(`step-${turn}`, accounts, small);
        if (turn % 3 === 0) await settle(`step-${turn}`, accounts);
        if (turn % 3 === 1) await settle(`step-${turn}`, accounts, { usd: 7, steps: 1 });
        if (turn % 3 === 2 && turn < 20) await settle(`step-${turn}`, accounts, { usd: 12, steps: 1 });
      }
      for (const account of accounts) {
        expect((await sums(account)).slice(0, 3)).toEqual([10 * 7 + 6 * 12, 4 * 10, 0]);
        await expectOverage(world, account, 6 * 2);
      }
      expect(await sums(accounts[0]!, 'steps')).toEqual([16, 4, 0, 0]);
    },
  },
  {
    name: 'grants as many small steps as there is room for, and not one more',
    async run({ reserve, settle, sums, expect }) {
      const accounts = [roomy(), accountOf('run', {})];
      const granted: string[] = [];
      for (let turn = 0; turn < 130; turn += 1) {
        const id = `step-${turn}`;
        if (!(await reserve(id, accounts, small)).granted) continue;
        granted.push(id);
        if (turn % 2 === 0) await settle(id, accounts, { usd: 10, steps: 1 });
      }
      expect(granted.length).toBe(100);
      const [settled, held] = await sums(accounts[0]!);
      expect(settled + held).toBe(1_000);
    },
  },
  {
    name: 'grants a small step once, however often it is asked, and also when it has ended',
    async run(world) {
      const { hold, settle, sums, expect } = world;
      const user = roomy();
      await warm(world, [user]);
      const replies = await Promise.all([1, 2, 3, 4, 5].map((usd) => hold('same', [user], askFor({ usd }))));
      expect(replies.map(({ amounts: { usd }, isReplay }) => [usd, isReplay])).toEqual([[1, false], ...[2, 3, 4, 5].map(() => [1, true])]);
      expect((await sums(user)).slice(0, 2)).toEqual([30, 1]);
      expect(await settle('same', [user], { usd: 1 })).toMatchObject({ status: 'settled' });
      expect(await settle('same', [user], { usd: 1 })).toMatchObject({ status: 'duplicate' });
      expect(await hold('same', [user], small)).toMatchObject({ isReplay: true, amounts: amounts({ usd: 1 }) });
      expect(await sums(user)).toEqual([31, 0, 0, 0]);
    },
  },
  {
    name: 'grants an id once that was first asked for as a large step, and then as a small one',
    async run(world) {
      const { hold, settle, sums, expect } = world;
      const [user, run] = [roomy(), accountOf('run', { usd: 1_000 })];
      await hold('same', [user], askFor({ usd: 600 }));
      await warm(world, [user, run]);
      expect(await hold('same', [user, run], small)).toMatchObject({ isReplay: true, amounts: amounts({ usd: 600 }) });
      expect(await settle('same', [user], { usd: 500 })).toMatchObject({ status: 'settled' });
      expect(await hold('same', [user], small)).toMatchObject({ isReplay: true, amounts: amounts({ usd: 600 }) });
      expect([await sums(user), await sums(run)]).toEqual([
        [530, 0, 0, 0],
        [30, 0, 0, 0],
      ]);
    },
  },
  {
    name: 'holds nothing for a small step that was given back before its reservation arrived',
    async run(world) {
      const { hold, settle, sums, expect } = world;
      const user = roomy();
      await warm(world, [user]);
      expect(await settle('overtaken', [user])).toMatchObject({ status: 'released' });
      expect(await hold('overtaken', [user], small)).toMatchObject({ isReplay: true, amounts: amounts({}) });
      expect(await sums(user)).toEqual([30, 0, 0, 0]);
    },
  },
  {
    name: 'frees a small hold at its time, extends it no more, and books its late settlement once',
    async run(world) {
      const { store, hold, settle, sums, clock, expect } = world;
      const accounts = [roomy(), accountOf('run', { usd: 50 })];
      await warm(world, accounts);
      await hold('zombie', accounts, small);
      clock.advance(TTL_MS);
      expect(await store.extend('zombie', TTL_MS)).toBe(false);
      expect(await settle('zombie', accounts, { usd: 15, steps: 1 })).toMatchObject({ status: 'late', overage: amounts({ usd: 5 }) });
      expect(await settle('zombie', accounts, { usd: 15, steps: 1 })).toMatchObject({ status: 'duplicate' });
      for (const account of accounts) {
        expect((await sums(account)).slice(0, 3)).toEqual([45, 0, 0]);
        await expectOverage(world, account, 5);
      }
    },
  },
  {
    name: 'goes on counting a small expired hold under the policy charge, until it is settled or given back',
    async run(world) {
      const { hold, settle, sums, clock, expect } = world;
      const accounts = [roomy({ onExpire: 'charge' }), accountOf('run', { usd: 60 })];
      await warm(world, accounts);
      await hold('dead', accounts, small);
      await hold('zombie', accounts, small);
      clock.advance(TTL_MS);
      expect(await sums(accounts[0]!)).toEqual([30, 0, 20, 0]);
      expect(await sums(accounts[1]!)).toEqual([30, 0, 0, 0]);
      expect(await hold('dead', accounts, askFor({ usd: 1 }))).toMatchObject({ isReplay: true, amounts: amounts({ usd: 10, steps: 1 }) });
      expect(await settle('zombie', accounts, { usd: 8 })).toMatchObject({ status: 'late', overage: amounts({}) });
      expect(await sums(accounts[0]!)).toEqual([38, 0, 10, 0]);
      expect(await settle('dead', accounts)).toMatchObject({ status: 'released' });
      for (const account of accounts) expect(await sums(account)).toEqual([38, 0, 0, 0]);
    },
  },
  {
    name: 'leaves no room of an expired hold to others under the policy charge, however near the limit is',
    async run({ hold, reserve, settle, sums, clock, expect }) {
      const user = roomy({ onExpire: 'charge' });
      for (let turn = 0; turn < 10; turn += 1) await hold(`dead-${turn}`, [user], small);
      await hold('alive', [user], askFor({ usd: 900 }), 10 * TTL_MS);
      clock.advance(TTL_MS);
      expect(await reserve('next', [user], askFor({ usd: 1 }))).toMatchObject({ granted: false });
      for (let turn = 0; turn < 10; turn += 1) await settle(`dead-${turn}`, [user], { usd: 10 });
      expect(await sums(user)).toEqual([100, 900, 0, 0]);
    },
  },
  {
    name: 'settles a small hold in the window in which it was made, in time and late',
    async run(world) {
      const { hold, settle, sums, use, clock, expect } = world;
      const accounts = [roomy({ window: 'day' }), accountOf('run', { usd: 1_000 })];
      clock.set(Date.UTC(2026, 0, 15, 23, 59, 40));
      await warm(world, accounts);
      await hold('over midnight', accounts, small);
      await hold('late', accounts, small);
      clock.advance(30_000);
      expect(await sums(accounts[0]!), 'the new day is empty').toEqual([0, 0, 0, 0]);
      await use('new day', accounts, { usd: 3 });
      expect(await settle('over midnight', accounts, { usd: 8 })).toMatchObject({ status: 'settled' });
      expect(await sums(accounts[0]!)).toEqual([3, 0, 0, 0]);
      clock.advance(TTL_MS);
      expect(await settle('late', accounts, { usd: 9 })).toMatchObject({ status: 'late' });
      expect([await sums(accounts[0]!), await sums(accounts[1]!)]).toEqual([
        [3, 0, 0, 0],
        [30 + 3 + 8 + 9, 0, 0, 0],
      ]);
    },
  },
  {
    name: 'lets a closing step have what small steps do not need',
    async run(world) {
      const { hold, reserve, expect } = world;
      const run = roomy({ kept: { usd: 100 } });
      await warm(world, [run]);
      await hold('open', [run], small);
      expect((await reserve('all', [run], askFor({ usd: 961 }, { isClosing: true }))).granted).toBe(false);
      expect((await reserve('rest', [run], askFor({ usd: 960 }, { isClosing: true }))).granted).toBe(true);
    },
  },
  {
    name: 'passes over a small ask whose gate is shut',
    async run({ use, hold, settle, expect }) {
      const accounts = [roomy(), accountOf('run', {})];
      const gated = askFor({ usd: 10 }, { gates: [{ account: 0, dimension: 'usd', below: 0.5 }] });
      await use('a', accounts, { usd: 480 });
      expect(await hold('b', accounts, [gated, askFor({ usd: 1 })])).toMatchObject({ ask: 0 });
      expect(await hold('c', accounts, [gated, askFor({ usd: 1 })]), 'exactly at the gate').toMatchObject({ ask: 0 });
      expect(await hold('d', accounts, [gated, askFor({ usd: 1 })]), 'held counts, too').toMatchObject({ ask: 1 });
      for (const id of ['b', 'c']) await settle(id, accounts);
      expect(await hold('e', accounts, [gated, small]), 'there is room below it again').toMatchObject({ ask: 0 });
    },
  },
  {
    name: 'refuses small steps, too, once a limit is lowered below what is used',
    async run(world) {
      const { store, reserve, hold, expect } = world;
      const user = roomy();
      await warm(world, [user]);
      await store.adjust(user, { limits: { usd: 39 } });
      expect(await reserve('a', [user], small)).toMatchObject({ granted: false, denial: { limit: 39, settled: 30, held: 0 } });
      await store.adjust(user, { limits: { usd: 40 } });
      await hold('b', [user], small);
    },
  },
  {
    name: 'holds no small step anywhere when one account has no room',
    async run(world) {
      const { reserve, sums, expect } = world;
      const accounts = [roomy(), accountOf('session', { usd: 35 }), accountOf('run', {})];
      await warm(world, accounts);
      expect(await reserve('a', accounts, small)).toMatchObject({
        granted: false,
        denial: { account: 1, limit: 35, settled: 30, held: 0 },
      });
      for (const account of accounts) expect(await sums(account)).toEqual([30, 0, 0, 0]);
    },
  },
  {
    name: 'settles the small holds of a forgotten account into the others only, in time and late',
    async run(world) {
      const { store, hold, settle, sums, clock, expect } = world;
      const accounts = [roomy({ onExpire: 'charge' }), accountOf('run', { usd: 1_000 })];
      await warm(world, accounts);
      await hold('in time', accounts, small);
      await hold('late', accounts, small);
      await store.erase(accounts[0]!);
      expect(await settle('in time', accounts, { usd: 8 })).toMatchObject({ status: 'settled' });
      clock.advance(TTL_MS);
      expect(await sums(accounts[0]!)).toEqual([0, 0, 0, 0]);
      expect(await settle('late', accounts, { usd: 9 })).toMatchObject({ status: 'late' });
      expect(await sums(accounts[0]!)).toEqual([0, 0, 0, 0]);
      expect(await sums(accounts[1]!)).toEqual([30 + 8 + 9, 0, 0, 0]);
    },
  },
  {
    name: 'tells of thresholds that small steps cross, each once and with the step that crosses it',
    async run({ use, expect }) {
      const user = roomy({ alertAt: [0.1, 0.2] });
      const told: unknown[] = [];
      for (let turn = 0; turn < 30; turn += 1) {
        const { alerts } = await use(`step-${turn}`, [user], { usd: 10 });
        told.push(...alerts.map(({ dimension, threshold, settled }) => [turn, dimension, threshold, settled]));
      }
      expect(told).toEqual([
        [9, 'usd', 0.1, 100],
        [19, 'usd', 0.2, 200],
      ]);
    },
  },
];
