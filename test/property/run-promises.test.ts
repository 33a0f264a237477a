import fc from 'fast-check';
import { createGuard } from 'holdfast';
import { describe, expect, it } from 'vitest';
import { modelCall, prices, toolCall, usage } from '../support/guards.ts';

describe('promises of a run', () => {
  it('a tree of runs spends no more than its root may, however it is shared out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.tuple(fc.nat({ max: 5 }), fc.option(fc.integer({ min: 0, max: 4 }))), { minLength: 1, maxLength: 6 }),
        async (steps, children) => {
          const guard = createGuard({ budgets: { run: { steps } } });
          const root = guard.start();
          let granted = 0;
          await Promise.all(
            children.map(async ([wanted, own]) => {
              const child = guard.start({ parent: root, ...(own === null ? {} : { budgets: { run: { steps: own } } }) });
              let mine = 0;
              for (let index = 0; index < wanted; index += 1) {
                try {
                  await child.step(toolCall({ args: [child.id, index] }), async () => ({ output: (mine += 1) }));
                } catch {
                  break;
                }
              }
              granted += mine;
              expect(mine).toBeLessThanOrEqual(own ?? wanted);
              await child.end();
            }),
          );
          const wantedInAll = children.reduce((sum, [wanted, own]) => sum + Math.min(wanted, own ?? wanted), 0);
          expect(granted).toBe(Math.min(steps, wantedInAll));
          expect(root.report().used.steps).toBe(granted);
          await root.end();
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });

  it('each alert comes once, in whatever sizes an account is spent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }), async (sizes) => {
        const guard = createGuard({ prices, budgets: { user: { tokens: 1_000 } } });
        const told: number[] = [];
        guard.on('budget:alert', ({ threshold }) => void told.push(threshold));
        const run = guard.start();
        let used = 0;
        for (const size of sizes) {
          try {
            const step = await run.begin(modelCall({ maxOutputTokens: 1 }));
            await step.end({}, usage(size, 0));
            used += size;
          } catch {
            break;
          }
        }
        expect(told).toEqual([0.5, 0.8, 0.95].filter((threshold) => used >= 1_000 * threshold));
        await run.end();
      }),
      { numRuns: 100, seed: 11 },
    );
  });
});
