import type { AccountRef } from '../../stores/store.ts';
import { accountOf, askFor, amounts, type StoreCase } from './world.ts';

/** What is granted, how much of it, and what a denial says. */
export const admissionCases: readonly StoreCase[] = [
  {
    name: 'holds what fits in every account',
    async run({ hold, sums, expect }) {
      const accounts = [accountOf('run', { usd: 100 }), accountOf('user', { usd: 50, steps: 3 })];
      const reply = await hold('a', accounts, askFor({ usd: 30, steps: 1 }));
      expect(reply).toMatchObject({ granted: true, ask: 0, units: 0, amounts: amounts({ usd: 30, steps: 1 }), isReplay: false });
      expect(reply.accounts.map(({ scope, held }) => [scope, held.usd, held.steps])).toEqual([
        ['run', 30, 1],
        ['user', 30, 1],
      ]);
      for (const account of accounts) expect(await sums(account)).toEqual([0, 30, 0, 0]);
    },
  },
  {
    name: 'grants up to the limit and not one more',
    async run({ hold, reserve, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 60 }));
      await hold('b', [user], askFor({ usd: 40 }));
      expect((await reserve('c', [user], askFor({ usd: 1 }))).granted).toBe(false);
      expect((await reserve('d', [user], askFor({ tokens: 1_000_000 }))).granted, 'a dimension without a limit').toBe(true);
    },
  },
  {
    name: 'holds nothing anywhere when one account has no room',
    async run({ reserve, sums, expect }) {
      const accounts = [accountOf('run', { usd: 100 }), accountOf('session', { usd: 5 }), accountOf('user', { usd: 100 })];
      expect((await reserve('a', accounts, askFor({ usd: 6 }))).granted).toBe(false);
      for (const account of accounts) expect(await sums(account)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'says which account and dimension refused, with all figures and when to come back',
    async run({ use, hold, reserve, expect, clock }) {
      const user = accountOf('user', { usd: 100, steps: 9 }, { id: 'alice', window: 'day' });
      const accounts = [accountOf('run', { usd: 1000 }), user];
      await use('a', accounts, { usd: 50 });
      await hold('b', accounts, askFor({ usd: 30 }));
      const reply = await reserve('c', accounts, askFor({ usd: 21 }));
      const midnight = Date.UTC(2026, 0, 16);
      expect(clock.now() < midnight).toBe(true);
      expect(reply).toEqual({
        granted: false,
        denial: {
          account: 1,
          tenant: 'acme',
          scope: 'user',
          id: 'alice',
          dimension: 'usd',
          limit: 100,
          settled: 50,
          held: 30,
          asked: 21,
          resetsAt: midnight,
        },
      });
      expect(await reserve('d', [accountOf('run', { usd: 0 })], askFor({ usd: 1 }))).toMatchObject({
        denial: { limit: 0, resetsAt: null },
      });
    },
  },
  {
    name: 'takes the first ask that fits, and tells of the last when none does',
    async run({ hold, reserve, expect }) {
      const user = accountOf('user', { usd: 100, tokens: 10 });
      const asks = [askFor({ usd: 150 }), askFor({ usd: 80 }), askFor({ usd: 1 })];
      expect(await hold('a', [user], asks)).toMatchObject({ ask: 1, amounts: amounts({ usd: 80 }) });
      expect(await hold('b', [user], asks)).toMatchObject({ ask: 2, amounts: amounts({ usd: 1 }) });
      expect(await reserve('c', [user], [askFor({ usd: 150 }), askFor({ tokens: 11 })])).toMatchObject({
        granted: false,
        denial: { dimension: 'tokens', asked: 11 },
      });
    },
  },
  {
    name: 'passes over an ask whose gate is shut',
    async run({ use, hold, reserve, expect }) {
      const accounts = [accountOf('run', { usd: 1000 }), accountOf('user', { usd: 100 })];
      const gated = askFor({ usd: 20 }, { gates: [{ account: 1, dimension: 'usd', below: 0.8 }] });
      await use('a', accounts, { usd: 60 });
      expect(await hold('b', accounts, [gated, askFor({ usd: 1 })]), 'exactly at the gate').toMatchObject({ ask: 0 });
      expect(await hold('c', accounts, [gated, askFor({ usd: 1 })]), 'held counts, too').toMatchObject({ ask: 1 });
      expect(await reserve('d', accounts, gated)).toMatchObject({ granted: false, denial: { account: 1, dimension: 'usd', asked: 20 } });
    },
  },
  {
    name: 'clamps the units to what is left in the tightest dimension, and refuses when too few are left',
    async run({ use, hold, reserve, expect }) {
      const user = accountOf('user', { usd: 1000, tokens: 500 });
      const ask = askFor(
        { usd: 100, tokens: 100 },
        { perUnit: amounts({ usd: 2, tokens: 1, outputTokens: 1 }), unitsWanted: 1000, unitsLeast: 50 },
      );
      expect(await hold('a', [user], ask)).toMatchObject({
        units: 400,
        amounts: amounts({ usd: 900, tokens: 500, outputTokens: 400 }),
      });
      const other = accountOf('user', { usd: 300, tokens: 500 }, { id: 'two' });
      expect(await hold('b', [other], ask)).toMatchObject({ units: 100, amounts: amounts({ usd: 300, tokens: 200, outputTokens: 100 }) });
      const third = accountOf('user', { usd: 1000 }, { id: 'three' });
      await use('c', [third], { usd: 801 });
      expect(await reserve('d', [third], ask)).toMatchObject({ granted: false, denial: { asked: 200, settled: 801 } });
    },
  },
  {
    name: 'lets a yielding dimension shrink so long as something is left',
    async run({ use, hold, reserve, expect }) {
      const user = accountOf('user', { reasoningTokens: 100 });
      const ask = askFor({ reasoningTokens: 80, steps: 1 }, { yielding: ['reasoningTokens'] });
      expect((await hold('a', [user], ask)).amounts.reasoningTokens).toBe(80);
      expect((await hold('b', [user], ask)).amounts.reasoningTokens).toBe(20);
      expect(await reserve('c', [user], ask)).toMatchObject({ granted: false, denial: { dimension: 'reasoningTokens', asked: 80 } });
      const other = accountOf('user', { reasoningTokens: 100 }, { id: 'two' });
      await use('d', [other], { reasoningTokens: 99 });
      expect((await hold('e', [other], ask)).amounts).toEqual(amounts({ reasoningTokens: 1, steps: 1 }));
    },
  },
  {
    name: 'keeps back a slice for closing steps',
    async run({ hold, reserve, expect }) {
      const run = accountOf('run', { usd: 100, steps: 10 }, { kept: { usd: 10, steps: 1 } });
      await hold('a', [run], askFor({ usd: 90, steps: 9 }));
      expect(await reserve('b', [run], askFor({ steps: 1 }))).toMatchObject({ granted: false, denial: { limit: 9, asked: 1 } });
      expect(await hold('c', [run], askFor({ usd: 10, steps: 1 }, { isClosing: true }))).toMatchObject({ granted: true });
      expect(await reserve('d', [run], askFor({ usd: 1 }, { isClosing: true }))).toMatchObject({ granted: false, denial: { limit: 100 } });
    },
  },
  {
    name: "lets a run's own limits tighten its own admissions only",
    async run({ use, hold, reserve, expect }) {
      const user = accountOf('user', { usd: 100 });
      const tightened = accountOf('user', { usd: 100 }, { tighter: { usd: 20, tokens: 5 } });
      await use('a', [user], { usd: 15 });
      expect(await reserve('b', [tightened], askFor({ usd: 6 }))).toMatchObject({ granted: false, denial: { limit: 20, settled: 15 } });
      expect(await reserve('c', [tightened], askFor({ tokens: 6 }))).toMatchObject({ granted: false, denial: { limit: 5 } });
      const widened = accountOf('user', { usd: 100 }, { tighter: { usd: 500 } });
      expect(await reserve('d', [widened], askFor({ usd: 86 }))).toMatchObject({ granted: false, denial: { limit: 100 } });
      await hold('e', [user], askFor({ usd: 85, tokens: 1_000 }));
    },
  },
  {
    name: 'books an account that is named twice once, under both ceilings',
    async run({ hold, reserve, settle, sums, expect }) {
      const [wide, tight] = [accountOf('user', { usd: 100 }), accountOf('user', { usd: 100 }, { tighter: { usd: 50 } })];
      await hold('a', [wide, tight], askFor({ usd: 30 }));
      expect(await sums(wide)).toEqual([0, 30, 0, 0]);
      expect(await reserve('b', [wide, tight], askFor({ usd: 30 }))).toMatchObject({ granted: false, denial: { account: 1, limit: 50 } });
      await settle('a', [wide, tight], { usd: 30 });
      expect(await sums(wide)).toEqual([30, 0, 0, 0]);
    },
  },
  {
    name: 'shares the scope that crosses tenants between them, all or nothing',
    async run({ hold, reserve, settle, sums, expect }) {
      const everybody = { ...accountOf('global', { usd: 100 }, { alertAt: [0.5] }), tenant: '' };
      const [acme, other] = ['acme', 'other'].map((tenant) => accountOf('user', { usd: 80 }, { tenant, alertAt: [0.5] })) as [
        AccountRef,
        AccountRef,
      ];
      await hold('a', [acme, everybody], askFor({ usd: 60 }));
      expect(await reserve('b', [everybody, other], askFor({ usd: 50 }))).toMatchObject({
        granted: false,
        denial: { account: 0, scope: 'global', tenant: '' },
      });
      expect(await sums(other)).toEqual([0, 0, 0, 0]);
      const gated = askFor({ usd: 30 }, { gates: [{ account: 1, dimension: 'usd', below: 0.8 }] });
      const clamped = askFor({ usd: 10 }, { perUnit: amounts({ usd: 1 }), unitsWanted: 90, unitsLeast: 1 });
      const reply = await hold('c', [other, everybody], [askFor({ usd: 50 }), gated, clamped]);
      expect(reply).toMatchObject({ ask: 2, units: 30, amounts: amounts({ usd: 40 }) });
      expect(reply.accounts.map(({ scope }) => scope)).toEqual(['user', 'global']);
      const { alerts } = await settle('c', [other, everybody], { usd: 50 });
      expect(alerts.map(({ scope, tenant }) => [tenant, scope])).toEqual([
        ['other', 'user'],
        ['', 'global'],
      ]);
      await settle('a', [acme, everybody], { usd: 60 });
      expect((await sums(everybody)).slice(0, 2)).toEqual([110, 0]);
      expect([await sums(acme), (await sums(other)).slice(0, 2)]).toEqual([
        [60, 0, 0, 0],
        [50, 0],
      ]);
    },
  },
  {
    name: 'grants exactly 100 of 1,000 concurrent reservations on room for 100',
    async run({ reserve, settle, sums, expect }) {
      const accounts = [accountOf('run', {}), accountOf('user', { modelCalls: 100 }), accountOf('tenant', { modelCalls: 1000 })];
      const ids = Array.from({ length: 1000 }, (_, index) => `call-${index}`);
      const replies = await Promise.all(ids.map((id) => reserve(id, accounts, askFor({ modelCalls: 1 }))));
      const granted = ids.filter((_, index) => replies[index]?.granted);
      expect(granted.length).toBe(100);
      await Promise.all(granted.map((id) => settle(id, accounts, { modelCalls: 1 })));
      for (const account of accounts) expect(await sums(account, 'modelCalls')).toEqual([100, 0, 0, 0]);
    },
  },
  {
    name: 'grants an id once, however often it is asked',
    async run({ hold, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      const replies = await Promise.all([1, 2, 3, 4, 5].map((usd) => hold('same', [user], askFor({ usd: usd * 10 }))));
      expect(replies.map(({ amounts: { usd } }) => usd)).toEqual([10, 10, 10, 10, 10]);
      expect(replies.map(({ isReplay }) => isReplay)).toEqual([false, true, true, true, true]);
      expect(await sums(user)).toEqual([0, 10, 0, 0]);
    },
  },
];
