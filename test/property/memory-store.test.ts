import fc from 'fast-check';
import { describe, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory-store.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { storeCommands, testAccounts } from '../support/store-commands.ts';
import { storeModel } from '../support/store-model.ts';

describe('the memory store', () => {
  it('agrees with the model after every operation, whatever their order', async () => {
    const starts = fc.constantFrom(
      Date.UTC(2026, 0, 15, 12),
      // Just before the clock of Berlin is put forward and back, and before the end of a February.
      Date.UTC(2026, 2, 28, 22, 30),
      Date.UTC(2026, 9, 24, 20),
      Date.UTC(2028, 1, 28, 23, 59),
    );
    await fc.assert(
      fc.asyncProperty(starts, storeCommands(60), async (start, commands) => {
        const clock = fakeClock(start);
        const store = memoryStore({ now: clock.now });
        const setup = { model: storeModel(testAccounts, start), real: { store, clock, alerts: new Set<string>() } };
        await fc.asyncModelRun(() => setup, commands);
      }),
      { numRuns: 300 },
    );
  });
});
