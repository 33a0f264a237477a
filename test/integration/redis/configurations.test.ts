import { describe, expect, it } from 'vitest';
import { redisStore, type RedisStore } from '../../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../../src/core/amounts.ts';
import { resolveWindow } from '../../../src/core/window.ts';
import type { AccountRef, SettleReply } from '../../../src/stores/store.ts';
import { fakeClock, type FakeClock } from '../../../src/testing/fake-clock.ts';
import { ownRedis } from '../../support/own-redis.ts';
import { hasRedis } from '../../support/redis-server.ts';

const account = (more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: 'acme',
  scope: 'user',
  id: 'one',
  window: resolveWindow('day'),
  limits: { steps: 100 },
  alertAt: [0.5],
  onExpire: 'release',
  ...more,
});
const steps = (count: number): Amounts => ({ ...zero, steps: count });

/** While a new configuration is rolled out, processes with the old one and with the new one draw on the same accounts. */
describe.skipIf(!hasRedis)('processes with different budgets for one account', () => {
  const redis = ownRedis();
  let tries = 0;

  /** A run of a process, in which each step settles the last one and reserves the next with one message. */
  function running(store: RedisStore, name: string, ref: AccountRef) {
    const accounts = [ref];
    let taken = 0;
    let last: { readonly id: string; readonly actual: Amounts } | undefined;
    return async (count: number): Promise<SettleReply | undefined> => {
      const id = `${name}-${(taken += 1)}`;
      const settling = last && store.settle({ ...last, accounts });
      expect(await store.reserve({ id, accounts, asks: [{ base: steps(count) }], ttlMs: 60_000 })).toMatchObject({ granted: true });
      last = { id, actual: steps(count) };
      return settling;
    };
  }
  function setup(): { clock: FakeClock; store: RedisStore } {
    const clock = fakeClock(Date.UTC(2026, 0, 15, 12));
    return { clock, store: redisStore(redis.client, { prefix: `rollout-${(tries += 1)}`, now: clock.now }) };
  }

  it('each hear of the thresholds of their own limits', async () => {
    const { store } = setup();
    const wide = running(store, 'wide', account());
    const narrow = running(store, 'narrow', account({ limits: { steps: 40 } }));
    await wide(5);
    await wide(5);
    await narrow(10);
    await narrow(5);
    expect((await narrow(5))?.alerts).toMatchObject([{ threshold: 0.5, limit: 40, settled: 20 }]);
    await store.close?.();
  });

  it('leave a dead hold to the policy under which an account was last used', async () => {
    const { clock, store } = setup();
    const [releasing, charging] = [account(), account({ onExpire: 'charge' })];
    const dying = running(store, 'charging', charging);
    await running(store, 'releasing', releasing)(5);
    await dying(5);
    clock.advance(60_001);
    const { held, unconfirmed } = await store.read(charging);
    expect([held.steps, unconfirmed.steps]).toEqual([0, 10]);
    await store.close?.();
  });

  it('are shown with the limits under which an account was last used', async () => {
    const { store } = setup();
    const [wide, narrow] = [account(), account({ limits: { steps: 40 } })];
    await running(store, 'wide', wide)(5);
    await running(store, 'narrow', narrow)(5);
    expect((await store.list({ tenant: 'acme', most: 10 })).map(({ limits }) => limits)).toEqual([{ steps: 40 }]);
    await store.close?.();
  });
});
