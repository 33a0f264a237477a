import { createGuard, dimensions, type PublicAmounts, type Run, type Step } from 'holdfast';
import { fakeClock } from 'holdfast/testing';
import { expect } from 'vitest';
import { logEvents, modelCall, prices } from './guards.ts';

/** A guard with one account that shows everything, a run and its events. */
export function setUp(options: object = {}, run: Parameters<ReturnType<typeof createGuard>['start']>[0] = {}) {
  const clock = fakeClock();
  const guard = createGuard({
    clock,
    prices,
    loops: 'off',
    maxOutputTokens: 1_000,
    budgets: { user: { usd: 10, tokens: 1_000_000 } },
    ...options,
  });
  const events = logEvents(guard);
  return { clock, guard, events, run: guard.start(run), account: () => guard.read('user') };
}

export const amounts = (given: Partial<PublicAmounts>): PublicAmounts =>
  ({ ...Object.fromEntries(dimensions.map((dimension) => [dimension, 0])), ...given }) as PublicAmounts;

export async function bookedBy(act: (step: Step, run: Run) => Promise<void>, call = modelCall()) {
  const { run, account, events } = setUp();
  const step = await run.begin(call);
  const { held } = await account();
  await act(step, run);
  const after = await account();
  expect(after.held).toEqual(amounts({}));
  expect(run.report().used).toEqual(after.used);
  const [ended] = events.of('step:end');
  return { held, used: after.used, overage: after.overage, report: run.report(), ended: ended?.step, events };
}
