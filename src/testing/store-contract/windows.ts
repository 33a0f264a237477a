import type { BudgetWindow } from '../../core/window.ts';
import { accountOf, askFor, TTL_MS, type StoreCase, type StoreWorld } from './world.ts';

/** Uses 100 just after `start`, and expects the room back at `end` and not a millisecond sooner. */
async function resetsBetween(
  { store, use, reserve, clock, expect }: StoreWorld,
  window: BudgetWindow,
  start: number,
  end: number,
): Promise<void> {
  const user = accountOf('user', { usd: 100 }, { window });
  clock.set(start);
  await use('all', [user], { usd: 100 });
  expect((await store.read(user)).resetsAt, 'resetsAt').toBe(end);
  clock.set(end - 1);
  expect(await reserve('early', [user], askFor({ usd: 1 })), 'a millisecond before the end').toMatchObject({ denial: { resetsAt: end } });
  clock.set(end);
  expect(await reserve('next', [user], askFor({ usd: 100 })), 'at the end').toMatchObject({ granted: true });
}

const calendar = (name: string, window: BudgetWindow, start: string, end: string): StoreCase => ({
  name,
  run: (world) => resetsBetween(world, window, Date.parse(start), Date.parse(end)),
});

const berlin = 'Europe/Berlin';

/** Over which stretch of time an account counts. */
export const windowCases: readonly StoreCase[] = [
  calendar('counts a minute', 'minute', '2026-01-15T12:00:00Z', '2026-01-15T12:01:00Z'),
  calendar('counts an hour', 'hour', '2026-01-15T12:00:00Z', '2026-01-15T13:00:00Z'),
  calendar('counts a day in UTC', 'day', '2026-01-15T00:00:00Z', '2026-01-16T00:00:00Z'),
  calendar('counts a day in a time zone', { every: 'day', timeZone: 'Asia/Kolkata' }, '2026-01-14T18:30:00Z', '2026-01-15T18:30:00Z'),
  calendar('counts a day of 23 hours', { every: 'day', timeZone: berlin }, '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'),
  calendar('counts a day of 25 hours', { every: 'day', timeZone: berlin }, '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'),
  calendar('counts a week from Monday', 'week', '2026-01-12T00:00:00Z', '2026-01-19T00:00:00Z'),
  calendar('counts a week from Sunday', { every: 'week', weekStart: 'sunday' }, '2026-01-11T00:00:00Z', '2026-01-18T00:00:00Z'),
  calendar('counts a February', 'month', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'),
  calendar('counts a February of a leap year', 'month', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'),
  calendar('counts a December', { every: 'month', timeZone: berlin }, '2026-11-30T23:00:00Z', '2026-12-31T23:00:00Z'),
  {
    name: 'never resets an account without a window',
    async run({ store, use, reserve, clock, expect }) {
      const run = accountOf('run', { usd: 100 });
      await use('all', [run], { usd: 100 });
      expect((await store.read(run)).resetsAt).toBe(null);
      clock.advance(20 * 86_400_000);
      expect((await reserve('next', [run], askFor({ usd: 1 }))).granted).toBe(false);
    },
  },
  {
    name: 'settles a hold in the window in which it was made',
    async run({ hold, settle, sums, clock, expect }) {
      const [run, user] = [accountOf('run', { usd: 100 }), accountOf('user', { usd: 100 }, { window: 'day' })];
      clock.set(Date.UTC(2026, 0, 15, 23, 59, 50));
      await hold('over midnight', [run, user], askFor({ usd: 80 }));
      clock.advance(20_000);
      expect(await sums(user), 'the new day is empty').toEqual([0, 0, 0, 0]);
      expect(await sums(run), 'the run goes on').toEqual([0, 80, 0, 0]);
      await hold('new day', [run, user], askFor({ usd: 5 }));
      expect(await settle('over midnight', [run, user], { usd: 75 })).toMatchObject({ status: 'settled' });
      expect(await sums(user)).toEqual([0, 5, 0, 0]);
      expect(await sums(run)).toEqual([75, 5, 0, 0]);
    },
  },
  {
    name: 'keeps a late settlement out of the next window, too',
    async run({ hold, settle, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: 'day', onExpire: 'charge' });
      clock.set(Date.UTC(2026, 0, 15, 23, 59, 50));
      await hold('zombie', [user], askFor({ usd: 80 }));
      clock.advance(TTL_MS + 20_000);
      expect(await settle('zombie', [user], { usd: 80 })).toMatchObject({ status: 'late' });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'counts two windows of one id apart',
    async run({ use, reserve, clock, expect }) {
      const [day, month] = [accountOf('user', { usd: 60 }, { window: 'day' }), accountOf('user', { usd: 100 }, { window: 'month' })];
      await use('a', [day, month], { usd: 60 });
      expect(await reserve('b', [day, month], askFor({ usd: 1 }))).toMatchObject({ denial: { account: 0, limit: 60 } });
      clock.advance(86_400_000);
      expect(await reserve('c', [day, month], askFor({ usd: 41 }))).toMatchObject({ denial: { account: 1, limit: 100, settled: 60 } });
      expect((await reserve('d', [day, month], askFor({ usd: 40 }))).granted).toBe(true);
    },
  },
  {
    name: 'counts windows apart that differ in unit, zone, week or length',
    async run({ use, sums, expect }) {
      const windows: BudgetWindow[] = [
        'lifetime',
        'day',
        'week',
        { every: 'day', timeZone: berlin },
        { every: 'week', weekStart: 'sunday' },
        { rolling: '1h' },
        { rolling: '2h' },
      ];
      const accounts = windows.map((window) => accountOf('user', { usd: 1000 }, { window }));
      for (const [index, account] of accounts.entries()) await use(`use-${index}`, [account], { usd: index + 1 });
      const read = await Promise.all(accounts.map(async (account) => (await sums(account))[0]));
      expect(read).toEqual(accounts.map((_, index) => index + 1));
      expect(await sums(accountOf('user', {}, { window: { every: 'day', weekStart: 'friday' } })), 'a day, however weeks begin').toEqual([
        2, 0, 0, 0,
      ]);
    },
  },
  {
    name: 'counts the last hour in a rolling window, never less and at most a sixtieth more',
    async run({ store, use, reserve, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: { rolling: '1h' } });
      const noon = Date.UTC(2026, 0, 15, 12);
      clock.set(noon + 59_999);
      await use('a', [user], { usd: 60 });
      clock.set(noon + 30 * 60_000);
      await use('b', [user], { usd: 40 });
      expect((await store.read(user)).resetsAt).toBe(noon + 61 * 60_000);
      clock.set(noon + 60 * 60_000 + 59_999);
      expect(await reserve('c', [user], askFor({ usd: 1 })), 'an hour after the first').toMatchObject({ granted: false });
      clock.set(noon + 61 * 60_000);
      expect(await sums(user)).toEqual([40, 0, 0, 0]);
      expect((await reserve('d', [user], askFor({ usd: 60 }))).granted).toBe(true);
      clock.set(noon + 91 * 60_000);
      expect((await sums(user))[0]).toBe(0);
    },
  },
  {
    name: 'settles into the slot of a rolling window in which the hold was made',
    async run({ store, hold, settle, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { window: { rolling: '1h' } });
      const noon = Date.UTC(2026, 0, 15, 12);
      clock.set(noon);
      await hold('a', [user], askFor({ usd: 60 }), 2 * 3_600_000);
      await hold('slow', [user], askFor({ usd: 7 }), 2 * 3_600_000);
      clock.set(noon + 40 * 60_000);
      await hold('b', [user], askFor({ usd: 10 }));
      await settle('a', [user], { usd: 50 });
      expect(await sums(user)).toEqual([50, 17, 0, 0]);
      await settle('b', [user], { usd: 10 });
      clock.set(noon + 61 * 60_000);
      expect(await sums(user), 'what was used at noon is out').toEqual([10, 0, 0, 0]);
      expect(await settle('slow', [user], { usd: 7 })).toMatchObject({ status: 'settled' });
      expect(await sums(user)).toEqual([10, 0, 0, 0]);
      expect((await store.read(user)).resetsAt).toBe(noon + 101 * 60_000);
    },
  },
];
