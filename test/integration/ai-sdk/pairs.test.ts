import { generateText, stepCountIs, streamText, wrapLanguageModel } from 'ai';
import { createGuard } from 'holdfast';
import { guardMiddleware, guardModel, guardTools } from 'holdfast/ai-sdk';
import { describe, expect, it } from 'vitest';
import { endedRuns, playedSdk, searchTool, served } from './support/sdk.ts';

const twoTurns = () =>
  playedSdk((_request, turn) => (turn < 2 ? { toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] } : 'It will rain.'));

const ways: Record<string, (options: object) => PromiseLike<string>> = {
  generateText: async (options) => (await generateText(options as never)).text,
  streamText: (options) => streamText(options as never).text,
};

describe.each(Object.entries(ways))('one call is one step (%s)', (_way, ask) => {
  it('with two doors of a guard around it', async () => {
    await using sdk = await twoTurns();
    const guard = createGuard();
    const reports = endedRuns(guard);
    const inner = wrapLanguageModel({ model: sdk.chat(), middleware: [guardMiddleware(guard), guardMiddleware(guard)] });
    const { search } = searchTool();
    const tools = guardTools(guardTools({ search }, guard), guard);
    expect(await ask({ model: guardModel(inner, guard), tools, prompt: 'Rain?', stopWhen: stepCountIs(9) })).toBe('It will rain.');
    await guard.close();
    expect(reports).toMatchObject([{ used: { steps: 5, modelCalls: 3, toolCalls: 2, ...served(sdk.server) } }]);
  });

  it('inside a step that was opened by hand', async () => {
    await using sdk = await playedSdk(() => 'It will rain.');
    const guard = createGuard();
    const reports = endedRuns(guard);
    const model = guardModel(sdk.chat(), guard);
    await guard.run((run) =>
      run.step({ kind: 'model', model: 'gpt-4o-mini', input: 'Rain?' }, async () => ({ output: await ask({ model, prompt: 'Rain?' }) })),
    );
    await guard.close();
    expect(reports).toMatchObject([{ used: { steps: 1, modelCalls: 1, ...served(sdk.server) }, estimatedSteps: 0 }]);
  });

  it('for each of two guards', async () => {
    await using sdk = await twoTurns();
    const [one, other] = [createGuard(), createGuard()];
    const reports = [endedRuns(one), endedRuns(other)];
    const { search } = searchTool();
    const tools = guardTools(guardTools({ search }, one), other);
    await ask({ model: guardModel(guardModel(sdk.chat(), one), other), tools, prompt: 'Rain?', stopWhen: stepCountIs(9) });
    await one.close();
    await other.close();
    for (const each of reports) expect(each).toMatchObject([{ used: { steps: 5, modelCalls: 3, ...served(sdk.server) } }]);
  });

  it('for many runs at once, each by itself, though their tool calls have the same ids', async () => {
    await using sdk = await playedSdk((_request, turn) =>
      turn < 3 ? { toolCalls: [{ name: 'search', args: { query: `q${turn}` }, id: `call_${turn}` }] } : 'Yes.',
    );
    const guard = createGuard({ budgets: { user: { steps: 1_000 } } });
    const reports = endedRuns(guard);
    const { search } = searchTool();
    const model = guardModel(sdk.chat(), guard);
    const tools = guardTools({ search }, guard);
    const asked = Array.from({ length: 8 }, (_, place) =>
      ask({
        model,
        tools,
        prompt: `Rain in town ${place}?`,
        stopWhen: stepCountIs(9),
        providerOptions: { holdfast: { user: `u${place}` } },
      }),
    );
    await Promise.all(asked);
    await guard.close();
    expect(reports.map(({ used }) => used.modelCalls)).toEqual(Array.from({ length: 8 }, () => 4));
    for (let place = 0; place < 8; place += 1) expect((await guard.read('user', `u${place}`)).used.modelCalls).toBe(4);
  });
});
