import { describe, expect, it } from 'vitest';
import { redisStore } from '../../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef } from '../../../src/stores/store.ts';
import { ownRedisCluster } from '../../support/own-redis.ts';
import { hasRedis } from '../../support/redis-server.ts';

const account = (scope: string, limit: number): AccountRef => ({
  tenant: scope === 'global' ? '' : 'acme',
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: { steps: limit },
  alertAt: [],
  onExpire: 'release',
});
const steps = (count: number): Amounts => ({ ...zero, steps: count });

describe.skipIf(!hasRedis)('a step in two slots of a cluster', () => {
  const redis = ownRedisCluster();
  const accounts = [account('tenant', 100), account('global', 5)];
  const everybody = accounts[1]!;
  let tries = 0;

  function setup(lease?: { readonly scopes: readonly string[] }) {
    const store = redisStore(redis.client, { prefix: `slots-${(tries += 1)}`, ...(lease && { lease }) });
    const sums = async (): Promise<unknown> =>
      Promise.all(
        accounts.map(async (ref) => {
          const { settled, held } = await store.read(ref);
          return [settled.steps, held.steps];
        }),
      );
    return { store, sums };
  }

  it.each([[undefined], [['global']], [['tenant']]])(
    'is held and booked in both where it was refused before, leased: %j',
    async (scopes) => {
      const { store, sums } = setup(scopes && { scopes });
      const request = { id: 'same', accounts, asks: [{ base: steps(6) }], ttlMs: 60_000 };
      for (let turn = 0; turn < 3; turn += 1) expect((await store.reserve(request)).granted).toBe(false);
      await store.adjust(everybody, { limits: { steps: 50 } });
      expect(await store.reserve(request)).toMatchObject({ granted: true, isReplay: false });
      expect(await sums()).toEqual([
        [0, 6],
        [0, 6],
      ]);
      expect(await store.reserve(request)).toMatchObject({ granted: true, isReplay: true });
      expect(await store.settle({ id: 'same', accounts, actual: steps(4) })).toMatchObject({ status: 'settled' });
      expect(await store.settle({ id: 'same', accounts, actual: steps(4) })).toMatchObject({ status: 'duplicate' });
      expect(await sums()).toEqual([
        [4, 0],
        [4, 0],
      ]);
      await store.close?.();
    },
  );

  it('is given the first answer again where a later one of its asks was granted, though the first would fit by now', async () => {
    const { store, sums } = setup();
    const request = { id: 'same', accounts, asks: [{ base: steps(6) }, { base: steps(2) }], ttlMs: 60_000 };
    expect(await store.reserve(request)).toMatchObject({ granted: true, ask: 1, isReplay: false });
    await store.adjust(everybody, { limits: { steps: 50 } });
    expect(await store.reserve(request)).toMatchObject({ granted: true, ask: 1, isReplay: true, amounts: steps(2) });
    expect(await store.settle({ id: 'same', accounts, actual: steps(2) })).toMatchObject({ status: 'settled' });
    expect(await sums()).toEqual([
      [2, 0],
      [2, 0],
    ]);
    await store.close?.();
  });
});
