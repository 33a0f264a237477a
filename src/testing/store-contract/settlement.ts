import type { Ask } from '../../core/reservation.ts';
import { accountOf, askFor, amounts, type StoreCase } from './world.ts';

/** What is booked, and that it is booked once. */
export const settlementCases: readonly StoreCase[] = [
  {
    name: 'replaces the hold by what was really used, in every account',
    async run({ hold, settle, sums, expect }) {
      const accounts = [accountOf('run', { usd: 100 }), accountOf('user', { usd: 100 })];
      await hold('a', accounts, askFor({ usd: 40, steps: 1 }));
      expect(await settle('a', accounts, { usd: 25, steps: 1 })).toEqual({ status: 'settled', overage: amounts({}), alerts: [] });
      for (const account of accounts) {
        expect(await sums(account)).toEqual([25, 0, 0, 0]);
        expect(await sums(account, 'steps')).toEqual([1, 0, 0, 0]);
      }
    },
  },
  {
    name: 'books what was used even above the hold and the limit, and refuses the next',
    async run({ hold, reserve, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 40, tokens: 10 }));
      expect(await settle('a', [user], { usd: 400, tokens: 5 })).toMatchObject({ status: 'settled', overage: amounts({ usd: 360 }) });
      expect(await sums(user)).toEqual([400, 0, 0, 360]);
      expect(await reserve('b', [user], askFor({ usd: 1 }))).toMatchObject({ granted: false, denial: { settled: 400, limit: 100 } });
    },
  },
  {
    name: 'gives a hold back whole when nothing was used',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 100 }));
      expect(await settle('a', [user])).toEqual({ status: 'released', overage: amounts({}), alerts: [] });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
      await hold('b', [user], askFor({ usd: 100 }));
    },
  },
  {
    name: 'takes an explicit nothing as a settlement of nothing',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 40 }));
      expect(await settle('a', [user], {})).toMatchObject({ status: 'settled' });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'ends an id once: of concurrent settlements the first is booked, the others are duplicates with its answer',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 10 }));
      const replies = await Promise.all([12, 20, 30, undefined].map((usd) => settle('a', [user], usd === undefined ? undefined : { usd })));
      expect(replies.map(({ status }) => status)).toEqual(['settled', 'duplicate', 'duplicate', 'duplicate']);
      expect(replies.map(({ overage }) => overage.usd)).toEqual([2, 2, 2, 2]);
      expect(await sums(user)).toEqual([12, 0, 0, 2]);
    },
  },
  {
    name: 'books nothing for an id that was given back',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 10 }));
      await settle('a', [user]);
      expect(await settle('a', [user], { usd: 10 })).toMatchObject({ status: 'duplicate' });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'answers a reservation of an id that has ended with its first grant, and holds nothing',
    async run({ hold, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], [askFor({ usd: 500 }), askFor({ usd: 10 }, { perUnit: amounts({ usd: 1 }), unitsWanted: 7 })]);
      await settle('a', [user], { usd: 5 });
      expect(await hold('a', [user], askFor({ usd: 90 }))).toMatchObject({
        ask: 1,
        units: 7,
        amounts: amounts({ usd: 17 }),
        isReplay: true,
      });
      expect(await sums(user)).toEqual([5, 0, 0, 0]);
    },
  },
  {
    name: 'books a usage whose reservation it does not know, once',
    async run({ settle, sums, expect }) {
      const accounts = [accountOf('run', {}), accountOf('user', { usd: 100 })];
      expect(await settle('lost', accounts, { usd: 30 })).toMatchObject({ status: 'late', overage: amounts({ usd: 30 }) });
      expect(await settle('lost', accounts, { usd: 30 })).toMatchObject({ status: 'duplicate' });
      for (const account of accounts) expect(await sums(account)).toEqual([30, 0, 0, 30]);
    },
  },
  {
    name: 'holds nothing for an id that was given back before its reservation arrived',
    async run({ reserve, settle, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      expect(await settle('overtaken', [user])).toMatchObject({ status: 'released' });
      expect(await reserve('overtaken', [user], askFor({ usd: 10 }))).toMatchObject({
        granted: true,
        isReplay: true,
        amounts: amounts({}),
      });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'refuses amounts that are no counts, and changes nothing',
    async run({ store, sums, expect }) {
      const user = accountOf('user', { usd: 100 });
      const attempt = async (work: () => unknown): Promise<string> => {
        try {
          await work();
          return 'accepted';
        } catch (error) {
          return (error as { code?: string }).code ?? String(error);
        }
      };
      const asks: Ask[] = [
        askFor({}, { perUnit: amounts({ usd: 0.5 }), unitsWanted: 1 }),
        askFor({}, { unitsWanted: -1 }),
        askFor({}, { unitsWanted: 1, unitsLeast: Number.NaN }),
      ];
      for (const ask of asks) {
        const asking = (): unknown => store.reserve({ id: 'bad', accounts: [user], asks: [ask], ttlMs: 1000 });
        expect(await attempt(asking), JSON.stringify(ask)).toBe('invalid_option');
      }
      for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const asking = (): unknown => store.reserve({ id: 'bad', accounts: [user], asks: [askFor({})], ttlMs });
        expect(await attempt(asking), `a ttl of ${ttlMs}`).toBe('invalid_option');
      }
      for (const usd of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        const asking = (): unknown => store.reserve({ id: 'bad', accounts: [user], asks: [askFor({ usd })], ttlMs: 1000 });
        const settling = (): unknown => store.settle({ id: 'bad', accounts: [user], actual: amounts({ usd }) });
        expect(await attempt(asking), `asking ${usd}`).toBe('invalid_option');
        expect(await attempt(settling), `settling ${usd}`).toBe('invalid_option');
      }
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
];
