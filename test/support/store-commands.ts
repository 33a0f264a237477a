import fc from 'fast-check';
import { expect } from 'vitest';
import { dimensions, isWithin, zero, type Amounts } from '../../src/core/amounts.ts';
import type { Ask } from '../../src/core/reservation.ts';
import { resolveWindow, type BudgetWindow } from '../../src/core/window.ts';
import type { AccountRef, Store } from '../../src/stores/store.ts';
import type { FakeClock } from '../../src/testing/fake-clock.ts';
import * as models from './store-model.ts';
import type { StoreModel } from './store-model.ts';

/** The store under test and what it said so far. */
export interface StoreUnderTest {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly alerts: Set<string>;
  /** The store tells accounts of several steps at once: see `Telling`. */
  readonly tellsTogether?: boolean;
}

type Command = fc.AsyncCommand<StoreModel, StoreUnderTest>;

const ref = (scope: string, window: BudgetWindow, limits: Partial<Amounts>, more: Partial<AccountRef> = {}): AccountRef => ({
  tenant: 'acme',
  scope,
  id: 'one',
  window: resolveWindow(window),
  limits,
  tighter: undefined,
  kept: undefined,
  alertAt: [0.5, 0.8, 0.95],
  onExpire: 'release',
  ...more,
});

/** Small limits, so that denials, clamps and alerts are common; one of each kind of window and policy. */
export const testAccounts: readonly AccountRef[] = [
  ref('run', 'lifetime', { usd: 300, steps: 40 }, { kept: { usd: 20, steps: 1 } }),
  ref('session', 'lifetime', { tokens: 500, reasoningTokens: 60 }, { onExpire: 'charge' }),
  ref('user', { every: 'day', timeZone: 'Europe/Berlin' }, { usd: 100, modelCalls: 9 }, { tighter: { usd: 90, toolCalls: 5 } }),
  ref('feature', { rolling: '1h' }, { usd: 80, tokens: 200 }, { onExpire: 'charge' }),
  ref('tenant', 'month', { usd: 400, tokens: 900 }),
];

const places = testAccounts.map((_, index) => index);
const ids = fc.integer({ min: 0, max: 14 }).map((number) => `id-${number}`);
const accounts = fc.subarray(places, { minLength: 1 });
const someAmounts = (most: number): fc.Arbitrary<Amounts> =>
  fc.record({
    usd: fc.nat(most),
    tokens: fc.nat(most),
    inputTokens: fc.nat(most),
    outputTokens: fc.nat(most),
    reasoningTokens: fc.nat(most),
    steps: fc.constant(1),
    modelCalls: fc.nat(1),
    toolCalls: fc.nat(1),
  });
const ask = (most: number) =>
  fc.record({
    base: someAmounts(most),
    units: fc.option(fc.record({ wanted: fc.nat(most), least: fc.nat(most), usd: fc.nat(3), tokens: fc.nat(2) }), { nil: undefined }),
    isYielding: fc.boolean(),
    gate: fc.option(fc.record({ account: fc.nat(0), below: fc.constantFrom(0.5, 0.8, 1) }), { nil: undefined }),
    isClosing: fc.boolean(),
  });

function askOf({ base, units, isYielding, gate, isClosing }: ReturnType<typeof ask> extends fc.Arbitrary<infer T> ? T : never): Ask {
  return {
    base,
    ...(units && { perUnit: { ...zero, usd: units.usd, tokens: units.tokens }, unitsWanted: units.wanted, unitsLeast: units.least }),
    ...(isYielding && { yielding: ['reasoningTokens' as const] }),
    ...(gate && { gates: [{ ...gate, dimension: 'usd' as const }] }),
    isClosing,
  };
}

/** After every command: what a reader sees of every account is what the model sums up. */
async function agrees(model: StoreModel, { store, tellsTogether }: StoreUnderTest): Promise<void> {
  for (const account of places) {
    const { settled, held, unconfirmed, overage, limits } = await store.read(testAccounts[account]!);
    const { overage: most, ...sums } = models.sumsOf(model, account);
    const name = `account ${account} at ${model.now}`;
    expect({ settled, held, unconfirmed, limits }, name).toEqual({ ...sums, limits: models.limitsOf(model, account) });
    if (tellsTogether) expect(isWithin(overage, most), name).toBe(true);
    else expect(overage, name).toEqual(most);
  }
}

const command = (name: string, run: (model: StoreModel, real: StoreUnderTest) => Promise<void>): Command => ({
  check: () => true,
  async run(model, real) {
    await run(model, real);
    await agrees(model, real);
  },
  toString: () => name,
});

const refsOf = (chosen: readonly number[]): AccountRef[] => chosen.map((place) => testAccounts[place]!);

const reserve = (most: number): fc.Arbitrary<Command> =>
  fc
    .tuple(ids, accounts, fc.array(ask(most), { minLength: 1, maxLength: 3 }), fc.constantFrom(1_000, 60_000))
    .map(([id, chosen, wanted, ttlMs]) => {
      const asks = wanted.map(askOf);
      return command(`reserve ${id} in ${chosen.join()}, ${JSON.stringify(asks)} for ${ttlMs}`, async (model, { store }) => {
        const reply = await store.reserve({ id, accounts: refsOf(chosen), asks, ttlMs });
        const expected = models.reserve(model, id, chosen, asks, ttlMs);
        if (expected.granted) expect(reply).toMatchObject(expected);
        else
          expect(reply).toMatchObject({
            granted: false,
            denial: { account: expected.account, dimension: expected.dimension, asked: expected.asked },
          });
        if (!reply.granted || reply.isReplay) return;
        // I1: what was granted fits, in every account and every dimension of which it takes something.
        for (const { settled, held, unconfirmed, limits } of reply.accounts) {
          for (const dimension of dimensions) {
            if (reply.amounts[dimension] === 0) continue;
            expect(settled[dimension] + held[dimension] + unconfirmed[dimension]).toBeLessThanOrEqual(limits[dimension] ?? Infinity);
          }
        }
      });
    });

const settle = (most: number): fc.Arbitrary<Command> =>
  fc.tuple(ids, accounts, fc.option(someAmounts(most), { nil: undefined, freq: 4 })).map(([id, chosen, actual]) =>
    command(`settle ${id} (if unknown, in ${chosen.join()}) with ${JSON.stringify(actual)}`, async (model, { store, clock, alerts }) => {
      const named = model.entries.get(id)?.named ?? chosen;
      const reply = await store.settle({ id, accounts: refsOf(named), actual });
      const { status, overage, alerts: expected } = models.settle(model, id, named, actual);
      const current = reply.alerts.filter(({ resetsAt }) => resetsAt === null || resetsAt > clock.now());
      expect({ status: reply.status, overage: reply.overage }).toEqual({ status, overage });
      expect(current).toMatchObject(expected);
      for (const { scope, dimension, threshold, resetsAt } of reply.alerts) {
        // I9, for the windows of which each has an end of its own.
        if (scope === 'feature') continue;
        const mark = `${scope} ${dimension} ${threshold} ${resetsAt}`;
        expect(alerts.has(mark), `${mark} was told twice`).toBe(false);
        alerts.add(mark);
      }
    }),
  );

const extend = fc.tuple(ids, fc.constantFrom(1_000, 120_000)).map(([id, ttlMs]) =>
  command(`extend ${id} by ${ttlMs}`, async (model, { store }) => {
    expect(await store.extend(id, ttlMs)).toBe(models.extend(model, id, ttlMs));
  }),
);

const wait = fc.constantFrom(1, 999, 1_000, 30_000, 60_000, 59 * 60_000, 6 * 3_600_000, 12 * 3_600_000).map((ms) =>
  command(`wait ${ms}`, async (model, { clock }) => {
    clock.advance(ms);
    model.now = clock.now();
  }),
);

const adjust = fc
  .tuple(
    fc.constantFrom(...places),
    fc.option(fc.record({ usd: fc.nat(500) }), { nil: null, freq: 3 }),
    fc.option(fc.constantFrom(500, 3_600_000), { nil: undefined }),
  )
  .map(([account, limits, forMs]) =>
    command(`adjust ${account} to ${JSON.stringify(limits)} for ${forMs}`, async (model, { store, clock }) => {
      const adjustment = { limits, until: forMs === undefined ? undefined : clock.now() + forMs };
      await store.adjust(testAccounts[account]!, adjustment);
      models.adjust(model, account, adjustment);
    }),
  );

const erase = fc.constantFrom(...places).map((account) =>
  command(`erase ${account}`, async (model, { store, alerts }) => {
    await store.erase(testAccounts[account]!);
    models.erase(model, account);
    const { scope } = testAccounts[account]!;
    for (const mark of alerts) if (mark.startsWith(`${scope} `)) alerts.delete(mark);
  }),
);

/** Random operations, weighted as life is: mostly steps of at most so much, now and then a wait, seldom a person. */
export function storeCommands(size: number, most = 40): fc.Arbitrary<Iterable<Command>> {
  const [reserving, settling] = [reserve(most), settle(most)];
  return fc.commands([reserving, reserving, reserving, settling, settling, settling, extend, wait, wait, adjust, erase], {
    maxCommands: size,
  });
}
