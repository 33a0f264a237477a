import { accountOf, askFor, amounts, type StoreCase } from './world.ts';

/** Reading, adjusting, listing and forgetting accounts, and keeping them apart. */
export const accountCases: readonly StoreCase[] = [
  {
    name: 'reads an account that nobody has used as empty, with its limits',
    async run({ store, expect }) {
      const user = accountOf('user', { usd: 100, steps: 5 }, { window: 'day', tighter: { usd: 10 } });
      const nothing = amounts({});
      expect(await store.read(user)).toEqual({
        tenant: 'acme',
        scope: 'user',
        id: 'one',
        window: user.window,
        settled: nothing,
        held: nothing,
        unconfirmed: nothing,
        overage: nothing,
        limits: { usd: 10, steps: 5 },
        resetsAt: Date.UTC(2026, 0, 16),
      });
      expect((await store.list({ most: 10 })).length, 'reading makes no account').toBe(0);
    },
  },
  {
    name: 'raises a limit while work goes on, and takes it back',
    async run({ store, use, hold, reserve, expect }) {
      const user = accountOf('user', { usd: 100, steps: 50 });
      await use('a', [user], { usd: 100 });
      expect((await reserve('b', [user], askFor({ usd: 1 }))).granted).toBe(false);
      expect((await store.adjust(user, { limits: { usd: 150 } })).limits).toEqual({ usd: 150, steps: 50 });
      await hold('c', [user], askFor({ usd: 50 }));
      expect((await store.adjust(user, { limits: null })).limits).toEqual({ usd: 100, steps: 50 });
      expect(await reserve('d', [user], askFor({ usd: 1 }))).toMatchObject({ denial: { limit: 100, settled: 100, held: 50 } });
    },
  },
  {
    name: 'raises a limit until a moment',
    async run({ store, use, reserve, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: 'day' });
      await use('a', [user], { usd: 100 });
      await store.adjust(user, { limits: { usd: 200 }, until: clock.now() + 3_600_000 });
      expect((await store.read(user)).limits).toEqual({ usd: 200 });
      clock.advance(3_600_000 - 1);
      expect((await reserve('b', [user], askFor({ usd: 60 }))).granted).toBe(true);
      clock.advance(1);
      expect((await store.read(user)).limits).toEqual({ usd: 100 });
      expect(await reserve('c', [user], askFor({ usd: 1 }))).toMatchObject({ denial: { limit: 100 } });
    },
  },
  {
    name: 'keeps an adjustment for good over the window’s end',
    async run({ store, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: 'day' });
      await store.adjust(user, { limits: { usd: 200 } });
      clock.advance(3 * 86_400_000);
      expect((await store.read(user)).limits).toEqual({ usd: 200 });
    },
  },
  {
    name: 'lowers a limit below what is used: holds are honoured, further ones refused',
    async run({ store, use, hold, reserve, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await use('a', [user], { usd: 30 });
      await hold('b', [user], askFor({ usd: 40 }));
      await store.adjust(user, { limits: { usd: 20 } });
      expect(await reserve('c', [user], askFor({ usd: 1 }))).toMatchObject({ denial: { limit: 20, settled: 30, held: 40 } });
      expect(await settle('b', [user], { usd: 40 })).toMatchObject({ status: 'settled', overage: amounts({}) });
      expect(await sums(user)).toEqual([70, 0, 0, 0]);
    },
  },
  {
    name: 'lets a run tighten an adjusted limit, too',
    async run({ store, reserve, expect }) {
      const user = accountOf('user', { usd: 100 }, { tighter: { usd: 50 } });
      await store.adjust(user, { limits: { usd: 200 } });
      expect(await reserve('a', [user], askFor({ usd: 51 }))).toMatchObject({ denial: { limit: 50 } });
    },
  },
  {
    name: 'lists accounts by tenant and scope, the largest spend first',
    async run({ store, use, expect }) {
      const users = ['a', 'b', 'c'].map((id) => accountOf('user', { usd: 100 }, { id, window: 'day' }));
      for (const [index, usd] of [20, 90, 50].entries()) await use(`use-${index}`, [users[index]!], { usd });
      await use('session', [accountOf('session', { usd: 500 }, { id: 's' })], { usd: 300 });
      await use('other', [accountOf('user', { usd: 100 }, { id: 'z', tenant: 'other' })], { usd: 70 });
      const listed = async (query: { tenant?: string; scope?: string; most: number }): Promise<unknown> =>
        (await store.list(query)).map(({ id, settled }) => [id, settled.usd]);
      expect(await listed({ tenant: 'acme', scope: 'user', most: 10 })).toEqual([
        ['b', 90],
        ['c', 50],
        ['a', 20],
      ]);
      expect(await listed({ tenant: 'acme', scope: 'user', most: 2 })).toEqual([
        ['b', 90],
        ['c', 50],
      ]);
      expect(await listed({ tenant: 'acme', most: 1 })).toEqual([['s', 300]]);
      expect(await listed({ scope: 'user', most: 2 })).toEqual([
        ['b', 90],
        ['z', 70],
      ]);
      expect((await store.list({ tenant: 'acme', scope: 'user', most: 1 }))[0]).toMatchObject({
        limits: { usd: 100 },
        window: users[1]!.window,
      });
    },
  },
  {
    name: 'forgets an account on request, with all its windows',
    async run({ store, use, sums, expect }) {
      const [day, ever] = [accountOf('user', { usd: 100 }, { window: 'day' }), accountOf('user', { usd: 100 })];
      const other = accountOf('user', { usd: 100 }, { id: 'two' });
      await use('a', [day, ever, other], { usd: 10 });
      await store.adjust(day, { limits: { usd: 999 } });
      await store.erase(day);
      for (const account of [day, ever]) expect(await sums(account)).toEqual([0, 0, 0, 0]);
      expect((await store.read(day)).limits, 'the adjustment is forgotten, too').toEqual({ usd: 100 });
      expect(await sums(other)).toEqual([10, 0, 0, 0]);
      expect((await store.list({ most: 10 })).map(({ id }) => id)).toEqual(['two']);
    },
  },
  {
    name: 'settles the live holds of a forgotten account into the others only',
    async run({ store, hold, settle, sums, expect }) {
      const [user, run] = [accountOf('user', { usd: 100 }), accountOf('run', { usd: 100 })];
      await hold('a', [user, run], askFor({ usd: 40 }));
      await store.erase(user);
      await hold('b', [user, run], askFor({ usd: 5 }));
      expect(await settle('a', [user, run], { usd: 30 })).toMatchObject({ status: 'settled' });
      expect(await sums(run)).toEqual([30, 5, 0, 0]);
      expect(await sums(user)).toEqual([0, 5, 0, 0]);
    },
  },
  {
    name: 'keeps tenants apart',
    async run({ use, sums, expect }) {
      const [acme, other] = [accountOf('user', { usd: 100 }), accountOf('user', { usd: 100 }, { tenant: 'other' })];
      await use('a', [acme], { usd: 60 });
      expect(await sums(other)).toEqual([0, 0, 0, 0]);
      await use('b', [other], { usd: 100 });
      expect(await sums(acme)).toEqual([60, 0, 0, 0]);
    },
  },
  {
    name: 'keeps ids apart, whatever is written in them',
    async run({ store, use, sums, expect }) {
      const hostile = [
        'a:b',
        'a',
        'a:b:c',
        '{a}',
        '}{',
        'a\nb',
        'a\u0000b',
        '',
        ' ',
        '*',
        '|',
        'ä',
        'a\u0308',
        '💰',
        '__proto__',
        'x'.repeat(1_000_000),
      ];
      const accounts = hostile.flatMap((id) => [
        accountOf('user', { usd: 1000 }, { id }),
        accountOf('user:a', { usd: 1000 }, { id }),
        accountOf('user', { usd: 1000 }, { id, window: 'day' }),
      ]);
      for (const [index, account] of accounts.entries()) await use(`use-${index}`, [account], { usd: index + 1 });
      const read = await Promise.all(accounts.map(async (account) => (await sums(account))[0]));
      expect(read).toEqual(accounts.map((_, index) => index + 1));
      const listed = await store.list({ tenant: 'acme', scope: 'user', most: 1000 });
      expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(hostile));
    },
  },
  {
    name: 'keeps reservations apart, whatever is written in their ids',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 1_000 });
      const ids = ['a:b', 'a', '{a}', 'a\nb', '', '*', '__proto__', 'x'.repeat(100_000)];
      for (const id of ids) await hold(id, [user], askFor({ usd: 10 }));
      expect(await sums(user)).toEqual([0, ids.length * 10, 0, 0]);
      for (const id of ids) expect((await settle(id, [user], { usd: 1 })).status).toBe('settled');
      expect(await sums(user)).toEqual([ids.length, 0, 0, 0]);
    },
  },
];
