import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redisStore, type RedisStore } from '../../integrations/redis/index.ts';
import { zero, type Amounts } from '../../src/core/amounts.ts';
import { resolveWindow } from '../../src/core/window.ts';
import type { AccountRef } from '../../src/stores/store.ts';
import { ownRedis } from '../support/own-redis.ts';
import { hasRedis } from '../support/redis-server.ts';

const LIMIT = 400;
const PROCESSES = 3;
const amounts = (usd: number): Amounts => ({ ...zero, usd, steps: 1 });
const account = (scope: string, onExpire: 'release' | 'charge', limit = LIMIT): AccountRef => ({
  tenant: scope === 'global' ? '' : 'acme',
  scope,
  id: 'one',
  window: resolveWindow('lifetime'),
  limits: { usd: limit },
  alertAt: [0.5, 0.9],
  onExpire,
});

/** A step that was granted, as the test remembers it. */
interface Step {
  readonly id: string;
  readonly process: number;
  readonly asked: number;
  /** The process died with it under way. */
  isLost: boolean;
  used: number | undefined;
}

const process = fc.nat(PROCESSES - 1);
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('reserve' as const), process, usd: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('end' as const), step: fc.nat(200), share: fc.constantFrom(0, 0.3, 1, undefined) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), process }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), process }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 20_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rush' as const), usd: fc.integer({ min: 1, max: 15 }) }) },
);

describe.skipIf(!hasRedis)('leases of several processes', () => {
  const redis = ownRedis();
  let runs = 0;

  /** Plays the operations; after each, what was granted and not given back must lie within the limit. */
  async function play(operations: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[], accounts: AccountRef[]) {
    let now = Date.UTC(2026, 0, 15, 12);
    const prefix = `leases-${(runs += 1)}`;
    const open = (): RedisStore =>
      redisStore(redis.client, { prefix, now: () => now, settleWithinMs: 0, lease: { usd: 60e-9, for: '60s' } });
    const processes = Array.from({ length: PROCESSES }, open);
    const steps: Step[] = [];
    const alerts: string[] = [];
    let ids = 0;

    async function reserve(at: number, usd: number): Promise<void> {
      const id = `step-${(ids += 1)}`;
      const reply = await processes[at]!.reserve({ id, accounts, asks: [{ base: amounts(usd) }], ttlMs: 3_600_000 });
      if (reply.granted) steps.push({ id, process: at, asked: usd, isLost: false, used: undefined });
    }
    async function end(step: Step, used: number | undefined): Promise<void> {
      const reply = await processes[step.process]!.settle({
        id: step.id,
        accounts,
        actual: used === undefined ? undefined : amounts(used),
      });
      expect(reply.status).toBe(used === undefined ? 'released' : 'settled');
      alerts.push(...reply.alerts.map(({ scope, dimension, threshold }) => `${scope} ${dimension} ${threshold}`));
      step.used = used ?? 0;
    }
    const isOpen = (step: Step): boolean => step.used === undefined && !step.isLost;

    for (const each of operations) {
      if (each.kind === 'reserve') await reserve(each.process, each.usd);
      if (each.kind === 'rush') await Promise.all(Array.from({ length: 12 }, (_, index) => reserve(index % PROCESSES, each.usd)));
      if (each.kind === 'end') {
        const under = steps.filter(isOpen);
        const step = under[each.step % Math.max(1, under.length)];
        if (step) await end(step, each.share === undefined ? undefined : Math.floor(step.asked * each.share));
      }
      if (each.kind === 'look') await processes[each.process]!.read(accounts[0]!);
      if (each.kind === 'crash') {
        processes[each.process] = open();
        for (const step of steps) if (step.process === each.process && isOpen(step)) step.isLost = true;
      }
      if (each.kind === 'wait') {
        now += each.ms;
        for (const store of processes) await store.read(accounts[0]!);
      }
      const counts = steps.reduce((sum, step) => sum + (step.used ?? step.asked), 0);
      expect(counts, JSON.stringify(each)).toBeLessThanOrEqual(LIMIT);
    }

    for (const step of steps.filter(isOpen)) await end(step, step.asked);
    for (const store of processes) await store.close?.();
    expect(new Set(alerts).size, 'an alert was told twice').toBe(alerts.length);
    return { steps, sums: await redisStore(redis.client, { prefix, now: () => now }).read(accounts[0]!) };
  }

  it('never grant more than there is, whatever the order and whoever dies, under the policy `charge`', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        await play(operations, [account('user', 'charge'), account('global', 'charge', LIMIT + 100)]);
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it('leave the books as if there had been none, when nobody dies', async () => {
    const peaceful = operation.filter(({ kind }) => kind !== 'crash');
    await fc.assert(
      fc.asyncProperty(
        fc.array(peaceful, { maxLength: 60 }),
        fc.constantFrom('release' as const, 'charge' as const),
        async (operations, policy) => {
          const { steps, sums } = await play(operations, [account('user', policy)]);
          const used = steps.reduce((sum, step) => sum + (step.used ?? 0), 0);
          expect({ settled: sums.settled.usd, held: sums.held.usd, unconfirmed: sums.unconfirmed.usd }).toEqual({
            settled: used,
            held: 0,
            unconfirmed: 0,
          });
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
