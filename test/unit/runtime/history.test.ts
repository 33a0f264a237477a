import { expect, it } from 'vitest';
import { createGuard } from '../../../src/runtime/guard.ts';
import type { Run } from '../../../src/runtime/run.ts';

/** Input at one dollar, output at ten dollars per million tokens. */
const prices = { m: { input: 1, output: 10 } };
const guard = createGuard({ prices });

async function turn(run: Run, inputTokens: number, outputTokens: number): Promise<void> {
  const step = await run.begin({ kind: 'model', model: 'm', messages: [{ role: 'user', text: 'Find tea.' }] });
  await step.end({ text: 'Yes.' }, { inputTokens, outputTokens });
}

it('tells what of each turn had been sent before, and what that cost', async () => {
  await guard.run(async (run) => {
    for (const inputTokens of [100, 400, 700]) await turn(run, inputTokens, 50);
    const { history } = run.report();
    // The second turn sends 100 + 50 again, the third 400 + 50.
    expect(history).toMatchObject({ turns: 3, inputTokens: 1_200, carriedTokens: 600, share: 0.5, freshTokensPerTurn: 250 });
    expect(history.carriedUsd).toBeCloseTo(600e-6, 12);
    expect(history.newest.map(({ turn: at, carriedTokens, carriedUsd }) => [at, carriedTokens, carriedUsd])).toEqual([
      [0, 0, 0],
      [1, 150, 150e-6],
      [2, 450, 450e-6],
    ]);
    expect(history.newest[2]?.usd).toBeCloseTo(700e-6 + 500e-6, 12);
  });
});

it('begins anew where a history was shortened', async () => {
  await guard.run(async (run) => {
    for (const inputTokens of [1_000, 1_200, 300, 400]) await turn(run, inputTokens, 10);
    expect(run.report().history.newest.map(({ carriedTokens }) => carriedTokens)).toEqual([0, 1_010, 0, 310]);
  });
});

it('is that of the run alone: runs inside it have conversations of their own', async () => {
  await guard.run(async (run) => {
    await turn(run, 100, 10);
    const inner = await guard.run(async (child) => {
      await turn(child, 5_000, 10);
      return child.report().history;
    });
    await turn(run, 200, 10);
    expect(inner).toMatchObject({ turns: 1, carriedTokens: 0 });
    expect(run.report().history).toMatchObject({ turns: 2, inputTokens: 300, carriedTokens: 110 });
    expect(run.report().used.inputTokens).toBe(5_300);
  });
});

it('is bounded, and its sums are of all turns', async () => {
  await createGuard({ prices, budgets: { run: { steps: 200 } }, loops: 'off' }).run(async (run) => {
    for (let at = 1; at <= 100; at += 1) await turn(run, at * 100, 0);
    const { history } = run.report();
    expect(history.newest).toHaveLength(32);
    expect(history.newest.at(-1)).toMatchObject({ turn: 99, carriedTokens: 9_900 });
    expect(history).toMatchObject({ turns: 100, carriedTokens: 100 * ((99 * 100) / 2), freshTokensPerTurn: 100 });
  });
});

it('knows nothing of calls whose usage nobody reported', async () => {
  await guard.run(async (run) => {
    const step = await run.begin({ kind: 'model', model: 'm', messages: [{ role: 'user', text: 'Find tea.' }] });
    await step.end({ text: 'Yes.' });
    expect(run.report().history).toEqual({
      turns: 0,
      inputTokens: 0,
      carriedTokens: 0,
      share: 0,
      freshTokensPerTurn: 0,
      carriedUsd: 0,
      newest: [],
    });
  });
});
