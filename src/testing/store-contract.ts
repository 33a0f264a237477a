import type { Store } from '../stores/store.ts';
import { fakeClock } from './fake-clock.ts';
import { accountCases } from './store-contract/accounts.ts';
import { admissionCases } from './store-contract/admission.ts';
import { alertCases } from './store-contract/alerts.ts';
import { expiryCases } from './store-contract/expiry.ts';
import { settlementCases } from './store-contract/settlement.ts';
import { smallStepCases } from './store-contract/small-steps.ts';
import { windowCases } from './store-contract/windows.ts';
import { worldOf, type Expect, type Telling } from './store-contract/world.ts';

export type { Expect, Telling } from './store-contract/world.ts';

/** What the contract needs of a test runner: vitest's and jest's functions fit, and so do node:test's `test` and the package `expect`. */
export interface TestRunner {
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  readonly expect: Expect;
}

const cases = [...admissionCases, ...settlementCases, ...expiryCases, ...windowCases, ...alertCases, ...accountCases, ...smallStepCases];

/** In what a store may differ. */
export interface StoreContractOptions {
  /** How the store tells accounts what was used. Default `'step by step'`. */
  readonly tells?: Telling;
}

/**
 * The promises of a store as one suite. Every store runs it, ours and yours: registers a test for each promise.
 *
 * @param runner the functions of your test runner
 * @param makeStore makes an empty store that tells time by `now` (milliseconds since the epoch); called for each test.
 *   The store's `close`, if any, is called at the test's end.
 * @param options.tells `'together'` for a store that keeps parts of accounts at hand
 * @example
 * import { expect, test } from 'vitest';
 * import { storeContract } from 'holdfast/testing';
 *
 * storeContract({ test, expect }, ({ now }) => memoryStore({ now }));
 */
export function storeContract(
  { test, expect }: TestRunner,
  makeStore: (options: { now: () => number }) => Store | Promise<Store>,
  { tells = 'step by step' }: StoreContractOptions = {},
): void {
  for (const { name, run } of cases) {
    test(name, async () => {
      const clock = fakeClock();
      const store = await makeStore({ now: clock.now });
      try {
        await run(worldOf(store, clock, expect, tells));
      } finally {
        await store.close?.();
      }
    });
  }
}
