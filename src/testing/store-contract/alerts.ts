import { accountOf, askFor, type StoreCase } from './world.ts';

const alertAt = [0.5, 0.8, 0.95];

/** Each threshold of each account and window, exactly once. */
export const alertCases: readonly StoreCase[] = [
  {
    name: 'tells of each threshold once, with the account and its figures',
    async run({ use, expect }) {
      const user = accountOf('user', { usd: 100 }, { id: 'alice', window: 'day', alertAt });
      expect((await use('a', [user], { usd: 49 })).alerts).toEqual([]);
      expect((await use('b', [user], { usd: 1 })).alerts).toEqual([
        {
          tenant: 'acme',
          scope: 'user',
          id: 'alice',
          dimension: 'usd',
          threshold: 0.5,
          settled: 50,
          limit: 100,
          resetsAt: Date.UTC(2026, 0, 16),
        },
      ]);
      expect((await use('c', [user], { usd: 10 })).alerts).toEqual([]);
      expect((await use('d', [user], { usd: 36 })).alerts.map(({ threshold, settled }) => [threshold, settled])).toEqual([
        [0.8, 96],
        [0.95, 96],
      ]);
      expect((await use('e', [user], { usd: 4 })).alerts).toEqual([]);
    },
  },
  {
    name: 'tells of every account and dimension for itself',
    async run({ use, expect }) {
      const accounts = [accountOf('run', { usd: 10, steps: 100 }, { alertAt: [0.5] }), accountOf('user', { steps: 2 }, { alertAt: [0.5] })];
      const { alerts } = await use('a', accounts, { usd: 5, steps: 1 });
      expect(alerts.map(({ scope, dimension }) => [scope, dimension])).toEqual([
        ['run', 'usd'],
        ['user', 'steps'],
      ]);
    },
  },
  {
    name: 'counts what is settled, not what is held',
    async run({ hold, settle, expect }) {
      const user = accountOf('user', { usd: 100 }, { alertAt });
      await hold('a', [user], askFor({ usd: 90 }));
      expect((await settle('a', [user], { usd: 10 })).alerts).toEqual([]);
    },
  },
  {
    name: 'tells of each threshold once when a hundred settlements cross it at the same time',
    async run({ store, hold, settle, use, tells, expect }) {
      const accounts = [accountOf('run', {}), accountOf('user', { usd: 100 }, { alertAt })];
      const ids = Array.from({ length: 100 }, (_, index) => `call-${index}`);
      await Promise.all(ids.map((id) => hold(id, accounts, askFor({ usd: 1 }))));
      const replies = await Promise.all(ids.map((id) => settle(id, accounts, { usd: 1 })));
      const told = replies.flatMap(({ alerts }) => alerts.map(({ threshold, settled }) => [threshold, settled]));
      if (tells === 'step by step') {
        expect(told).toEqual([
          [0.5, 50],
          [0.8, 80],
          [0.95, 95],
        ]);
        return;
      }
      await store.read(accounts[1]!);
      const { alerts } = await use('afterwards', accounts, {});
      const thresholds = [...told.map(([threshold]) => threshold), ...alerts.map(({ threshold }) => threshold)];
      expect(thresholds, 'with a step that ends after it was told').toEqual(alertAt);
    },
  },
  {
    name: 'tells again in the next window',
    async run({ use, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: 'day', alertAt: [0.5] });
      expect((await use('a', [user], { usd: 60 })).alerts.length).toBe(1);
      clock.advance(86_400_000);
      expect((await use('b', [user], { usd: 40 })).alerts.length).toBe(0);
      expect((await use('c', [user], { usd: 10 })).alerts.length).toBe(1);
    },
  },
  {
    name: 'tells again of a rolling window once its length has passed',
    async run({ use, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: { rolling: '1h' }, alertAt: [0.5] });
      expect((await use('a', [user], { usd: 60 })).alerts.length).toBe(1);
      clock.advance(50 * 60_000);
      expect((await use('b', [user], { usd: 10 })).alerts.length, 'within the hour').toBe(0);
      clock.advance(50 * 60_000);
      expect((await use('c', [user], { usd: 30 })).alerts.length, 'below the threshold by now').toBe(0);
      expect((await use('d', [user], { usd: 10 })).alerts.length, 'after the hour').toBe(1);
    },
  },
  {
    name: "watches a run's own limit only where the guard has none",
    async run({ use, expect }) {
      const user = accountOf('user', { usd: 1000 }, { tighter: { usd: 10, tokens: 10 }, alertAt: [0.5] });
      const { alerts } = await use('a', [user], { usd: 9, tokens: 9 });
      expect(alerts.map(({ dimension, limit }) => [dimension, limit])).toEqual([['tokens', 10]]);
    },
  },
  {
    name: 'tells of a late settlement, too, and nothing of a duplicate',
    async run({ settle, expect }) {
      const user = accountOf('user', { usd: 100 }, { alertAt: [0.5] });
      expect((await settle('lost', [user], { usd: 60 })).alerts.length).toBe(1);
      expect((await settle('lost', [user], { usd: 60 })).alerts.length).toBe(0);
    },
  },
];
