import { accountOf, askFor, amounts, TTL_MS, type StoreCase } from './world.ts';

/** Holds of workers that died, and workers that only seemed to. */
export const expiryCases: readonly StoreCase[] = [
  {
    name: 'frees a hold that nobody extends, at its time and not before',
    async run({ hold, reserve, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('dead', [user], askFor({ usd: 100 }));
      clock.advance(TTL_MS - 1);
      expect((await reserve('a', [user], askFor({ usd: 1 }))).granted).toBe(false);
      clock.advance(1);
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
      await hold('b', [user], askFor({ usd: 100 }));
    },
  },
  {
    name: 'keeps a hold that is extended',
    async run({ store, hold, sums, settle, clock, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('alive', [user], askFor({ usd: 60 }));
      for (let beat = 0; beat < 6; beat += 1) {
        clock.advance(TTL_MS / 3);
        expect(await store.extend('alive', TTL_MS)).toBe(true);
      }
      expect(await sums(user)).toEqual([0, 60, 0, 0]);
      expect(await settle('alive', [user], { usd: 50 })).toMatchObject({ status: 'settled' });
    },
  },
  {
    name: 'never shortens a hold by extending it, and lets each hold live for itself',
    async run({ store, hold, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('long', [user], askFor({ usd: 1 }), 10_000);
      await hold('short', [user], askFor({ usd: 2 }), 1_000);
      await hold('extended', [user], askFor({ usd: 4 }), 1_000);
      expect(await store.extend('long', 500)).toBe(true);
      expect(await store.extend('extended', 5_000)).toBe(true);
      clock.advance(1_000);
      expect(await sums(user)).toEqual([0, 5, 0, 0]);
      clock.advance(4_000);
      expect(await sums(user)).toEqual([0, 1, 0, 0]);
      clock.advance(5_000);
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'extends nothing that is unknown, expired or ended',
    async run({ store, hold, settle, clock, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('ended', [user], askFor({ usd: 1 }));
      await settle('ended', [user], { usd: 1 });
      await hold('expired', [user], askFor({ usd: 1 }));
      clock.advance(TTL_MS);
      expect(await store.extend('expired', TTL_MS)).toBe(false);
      expect(await store.extend('ended', TTL_MS)).toBe(false);
      expect(await store.extend('unknown', TTL_MS)).toBe(false);
    },
  },
  {
    name: 'books a settlement that comes after the expiry, marked late, once',
    async run({ hold, settle, sums, clock, expect }) {
      const accounts = [accountOf('run', { usd: 100 }), accountOf('user', { usd: 100 })];
      await hold('zombie', accounts, askFor({ usd: 60 }));
      clock.advance(TTL_MS);
      await hold('next', accounts, askFor({ usd: 90 }));
      expect(await settle('zombie', accounts, { usd: 70 })).toMatchObject({ status: 'late', overage: amounts({ usd: 10 }) });
      expect(await settle('zombie', accounts, { usd: 70 })).toMatchObject({ status: 'duplicate' });
      for (const account of accounts) expect(await sums(account)).toEqual([70, 90, 0, 10]);
    },
  },
  {
    name: 'goes on counting an expired hold under the policy charge, until it is settled',
    async run({ hold, reserve, settle, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 }, { onExpire: 'charge' });
      await hold('zombie', [user], askFor({ usd: 60 }));
      clock.advance(TTL_MS);
      expect(await sums(user)).toEqual([0, 0, 60, 0]);
      expect(await reserve('a', [user], askFor({ usd: 41 }))).toMatchObject({ granted: false, denial: { settled: 60, held: 0 } });
      expect(await settle('zombie', [user], { usd: 30 })).toMatchObject({ status: 'late' });
      expect(await sums(user)).toEqual([30, 0, 0, 0]);
      await hold('b', [user], askFor({ usd: 70 }));
    },
  },
  {
    name: 'takes an expired hold off the books under the policy charge when it is given back',
    async run({ hold, settle, sums, clock, expect }) {
      const accounts = [accountOf('run', { usd: 100 }), accountOf('user', { usd: 100 }, { onExpire: 'charge' })];
      await hold('zombie', accounts, askFor({ usd: 60 }));
      clock.advance(TTL_MS);
      expect(await settle('zombie', accounts)).toMatchObject({ status: 'released' });
      for (const account of accounts) expect(await sums(account)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'does not grant an expired id a second time',
    async run({ hold, sums, clock, expect }) {
      const user = accountOf('user', { usd: 100 });
      await hold('a', [user], askFor({ usd: 60 }));
      clock.advance(TTL_MS);
      expect(await hold('a', [user], askFor({ usd: 10 }))).toMatchObject({ isReplay: true, amounts: amounts({ usd: 60 }) });
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
    },
  },
  {
    name: 'frees many expired holds at the next touch of their account',
    async run({ hold, sums, clock, expect }) {
      const user = accountOf('user', { usd: 1_000 });
      for (let index = 0; index < 200; index += 1) await hold(`dead-${index}`, [user], askFor({ usd: 5 }), 1_000 + index);
      expect(await sums(user)).toEqual([0, 1_000, 0, 0]);
      clock.advance(1_199);
      expect(await sums(user)).toEqual([0, 0, 0, 0]);
      await hold('next', [user], askFor({ usd: 1_000 }));
    },
  },
];
