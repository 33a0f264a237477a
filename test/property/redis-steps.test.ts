import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redisStore } from '../../integrations/redis/index.ts';
import { zero, type Amounts, type Dimension } from '../../src/core/amounts.ts';
import type { Ask } from '../../src/core/reservation.ts';
import { resolveWindow, type BudgetWindow } from '../../src/core/window.ts';
import { memoryStore } from '../../src/stores/memory-store.ts';
import type { AccountRef, SettleReply } from '../../src/stores/store.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { ownRedis } from '../support/own-redis.ts';
import { hasRedis } from '../support/redis-server.ts';

/** What several runs do, each in accounts of its own and in some that they share: settle the last step and reserve the next. */
interface Step {
  readonly run: number;
  readonly used: Partial<Amounts> | undefined;
  readonly asks: readonly Ask[];
  readonly ttlMs: number;
  readonly laterMs: number;
  readonly adjustTo: number | null | undefined;
  readonly isErased: boolean;
}

const account = (scope: string, window: BudgetWindow, limits: Partial<Amounts>, more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: 'acme',
  scope,
  id: 'one',
  window: resolveWindow(window),
  limits,
  alertAt: [0.5, 0.8, 0.95],
  onExpire: 'release',
  ...more,
});
const ofRun = (id: string): AccountRef[] => [
  account('run', 'lifetime', { usd: 400, steps: 40 }, { id, tighter: { usd: 350 }, kept: { usd: 40, steps: 2 } }),
  account('session', 'lifetime', { tokens: 300, reasoningTokens: 60 }, { id, onExpire: 'charge' }),
  account('user', { every: 'day', timeZone: 'Europe/Berlin' }, { usd: 500, modelCalls: 40, steps: 60 }),
  account('tenant', 'month', { usd: 450, tokens: 300 }, { alertAt: [0.02, 0.05, 0.1, 0.2, 0.4, 0.9], onExpire: 'charge' }),
  account('global', 'hour', { usd: 600 }, { tenant: '', id: 'global' }),
];
/** The last one is of a process with another configuration. */
const runs = ['a', 'b', 'c', 'd'].map((id) =>
  ofRun(id).map((ref) => (id === 'd' && ref.scope === 'tenant' ? { ...ref, limits: { usd: 400, tokens: 320 }, alertAt: [0.1, 0.3] } : ref)),
);

const some = (most: number): fc.Arbitrary<Amounts> =>
  fc.record({
    usd: fc.nat(most),
    tokens: fc.nat(most),
    inputTokens: fc.nat(most),
    outputTokens: fc.nat(most),
    reasoningTokens: fc.nat(Math.floor(most / 3)),
    steps: fc.constant(1),
    modelCalls: fc.nat(1),
    toolCalls: fc.nat(1),
  });
const asks: fc.Arbitrary<Ask> = fc
  .record({
    base: some(20),
    perUnit: fc.option(fc.constant({ ...zero, usd: 1, tokens: 1, outputTokens: 1 }), { nil: undefined }),
    unitsWanted: fc.constantFrom(0, 5, 10),
    unitsLeast: fc.constantFrom(0, 3),
    yielding: fc.constantFrom<readonly Dimension[] | undefined>(undefined, undefined, ['reasoningTokens']),
    isClosing: fc.constantFrom(false, false, false, true),
    gates: fc.constantFrom<NonNullable<Ask['gates']>>([], [], [{ account: 2, dimension: 'usd', below: 0.6 }]),
  })
  .map(({ perUnit, yielding, ...rest }) => ({ ...rest, ...(perUnit && { perUnit }), ...(yielding && { yielding }) }));
const steps: fc.Arbitrary<Step> = fc.record({
  run: fc.nat(runs.length - 1),
  used: fc.option(some(16), { freq: 8, nil: undefined }),
  asks: fc.array(asks, { minLength: 1, maxLength: 2 }),
  ttlMs: fc.constantFrom(60_000, 60_000, 60_000, 2_000),
  laterMs: fc.oneof({ weight: 30, arbitrary: fc.nat(900) }, { weight: 1, arbitrary: fc.constantFrom(61_000, 3_600_000, 86_400_000) }),
  adjustTo: fc.oneof({ weight: 60, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(700, null) }),
  isErased: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

describe.skipIf(!hasRedis)('steps that settle the last and reserve the next with one message', () => {
  const redis = ownRedis();
  let tries = 0;

  /** As answers are to be compared: alerts in one order, without those of a window that is over, which Redis does not keep. */
  const compared = (reply: SettleReply | undefined, now: number): unknown => {
    const alerts = reply?.alerts.filter(({ resetsAt }) => resetsAt === null || resetsAt > now);
    return { ...reply, alerts: alerts?.map((alert) => JSON.stringify(alert)).toSorted() };
  };

  it('are answered as the memory store answers them', async () => {
    const starts = fc.constantFrom(Date.UTC(2026, 0, 15, 12), Date.UTC(2026, 2, 28, 22, 30), Date.UTC(2026, 0, 31, 22, 59));
    await fc.assert(
      fc.asyncProperty(starts, fc.array(steps, { minLength: 40, maxLength: 90 }), async (start, program) => {
        const clock = fakeClock(start);
        const store = redisStore(redis.client, { prefix: `steps-${(tries += 1)}`, now: clock.now });
        const memory = memoryStore({ now: clock.now });
        const open = new Map<number, string>();
        for (const [number, { run, used, asks: wanted, ttlMs, laterMs, adjustTo, isErased }] of program.entries()) {
          clock.advance(laterMs);
          const accounts = runs[run]!;
          if (adjustTo !== undefined) {
            const adjustment = { limits: adjustTo === null ? null : { usd: adjustTo } };
            expect(await store.adjust(accounts[3]!, adjustment)).toEqual(await memory.adjust(accounts[3]!, adjustment));
          }
          if (isErased) await Promise.all([store.erase(accounts[2]!), memory.erase(accounts[2]!)]);
          const last = open.get(run);
          const settlement = last === undefined ? undefined : { id: last, actual: used && { ...zero, ...used }, accounts };
          const reservation = { id: `step-${number}`, accounts, asks: wanted, ttlMs };
          const [settled, reserved] = await Promise.all([settlement && store.settle(settlement), store.reserve(reservation)]);
          const expected = [settlement && (await memory.settle(settlement)), await memory.reserve(reservation)] as const;
          expect(compared(settled, clock.now())).toEqual(compared(expected[0], clock.now()));
          expect(reserved).toEqual(expected[1]);
          if (reserved.granted) open.set(run, reservation.id);
          else open.delete(run);
        }
        for (const each of runs.flat()) expect(await store.read(each)).toEqual(await memory.read(each));
      }),
      { numRuns: 150, endOnFailure: true },
    );
  }, 120_000);

  it('settle in other accounts than they reserve in', async () => {
    const store = redisStore(redis.client, { prefix: 'others' });
    const [first, second] = [account('user', 'day', { steps: 10 }), account('user', 'day', { steps: 10 }, { id: 'two' })];
    const base = { ...zero, steps: 1 };
    for (const accounts of [[second], []]) {
      const id = `of-${accounts.length}`;
      await store.reserve({ id: `first-${id}`, accounts: [first], asks: [{ base }], ttlMs: 60_000 });
      const settled = store.settle({ id: `first-${id}`, accounts: [first], actual: base });
      expect((await store.reserve({ id, accounts, asks: [{ base }], ttlMs: 60_000 })).granted).toBe(true);
      expect((await settled).status).toBe('settled');
    }
    const [one, two] = [await store.read(first), await store.read(second)];
    expect([one.settled.steps, one.held.steps, two.settled.steps, two.held.steps]).toEqual([2, 0, 0, 1]);
  });

  it('leave nothing of the holds of others in an account but their sum', async () => {
    const store = redisStore(redis.client, { prefix: 'many' });
    const shared = account('user', 'day', { steps: 10_000 });
    const reserve = (id: string) => store.reserve({ id, accounts: [shared], asks: [{ base: { ...zero, steps: 1 } }], ttlMs: 60_000 });
    const length = async (): Promise<number> => redis.client.strlen('many:3:{acme}:a/day/user/one');
    await reserve('first');
    const alone = await length();
    await Promise.all(Array.from({ length: 2_000 }, async (_, number) => reserve(`held-${number}`)));
    expect((await store.read(shared)).held.steps).toBe(2_001);
    expect(await length()).toBe(alone);
    const settling = store.settle({ id: 'first', accounts: [shared], actual: { ...zero, steps: 1 } });
    await reserve('second');
    await settling;
    expect(await redis.client.zscore('many:3:{~}:holds', 'many:3:{acme}:r/first')).toBeNull();
    expect(await redis.client.zcard('many:3:{~}:holds')).toBe(2_002);
  });
});
