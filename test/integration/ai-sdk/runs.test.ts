import { generateText, stepCountIs, streamText, ToolLoopAgent } from 'ai';
import { createGuard, HaltError } from 'holdfast';
import { guardModel, guardTools } from 'holdfast/ai-sdk';
import { describe, expect, it } from 'vitest';
import { endedRuns, playedSdk, searchTool, served, type PlayedSdk } from './support/sdk.ts';

const twoTurns = () =>
  playedSdk((_request, turn) =>
    turn < 2 ? { text: 'Let me see.', toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] } : 'It will rain.',
  );

const loops: Record<string, (sdk: PlayedSdk, options: object) => Promise<string>> = {
  generateText: async (_sdk, options) => (await generateText(options as never)).text,
  streamText: async (_sdk, options) => {
    let text = '';
    for await (const piece of streamText(options as never).textStream) text += piece;
    return text;
  },
  ToolLoopAgent: async (_sdk, { prompt, ...settings }: { prompt?: string }) =>
    (await new ToolLoopAgent(settings as never).generate({ prompt: prompt ?? '' })).text,
};

describe.each(Object.entries(loops))('%s', (_name, loop) => {
  it.each(['chat', 'responses'] as const)('is one run without guard.run, of the ids that its call names (%s)', async (api) => {
    await using sdk = await twoTurns();
    const guard = createGuard({ budgets: { user: { usd: 1, window: 'day' }, session: { usd: 1 } } });
    const reports = endedRuns(guard);
    const { search, asked } = searchTool();
    const text = await loop(sdk, {
      model: guardModel(sdk[api](), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(10),
      providerOptions: { holdfast: { user: 'u1', session: 's1' }, openai: { store: false } },
    });
    expect(text).toContain('It will rain.');
    expect(asked).toEqual(['q0', 'q1']);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ used: { steps: 5, modelCalls: 3, toolCalls: 2, ...served(sdk.server) } });
    expect((await guard.read('user', 'u1')).used).toMatchObject({ steps: 5, ...served(sdk.server) });
    expect((await guard.read('session', 's1')).used.steps).toBe(5);
    expect(sdk.server.requests.every(({ body }) => !JSON.stringify(body).includes('holdfast'))).toBe(true);
    await guard.close();
  });

  it('takes the run around it', async () => {
    await using sdk = await twoTurns();
    const guard = createGuard();
    const reports = endedRuns(guard);
    const { search } = searchTool();
    const options = {
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(10),
    };
    await guard.run({ scopes: { user: 'u2' } }, async () => {
      await loop(sdk, options);
      await loop(sdk, options);
    });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ used: { steps: 10, modelCalls: 6, ...served(sdk.server) } });
    await guard.close();
  });

  it('stays under its budget, and the error of the halt is the very instance', async () => {
    await using sdk = await playedSdk((_request, turn) => ({ toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] }));
    const guard = createGuard({ budgets: { run: { modelCalls: 3 } } });
    const { search } = searchTool();
    const options = {
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(10),
    };
    const errors: unknown[] = [];
    await loop(sdk, { ...options, onError: ({ error }: { error: unknown }) => void errors.push(error) }).catch((error: unknown) =>
      errors.push(error),
    );
    expect(errors).toHaveLength(1);
    expect(HaltError.is(errors[0])).toBe(true);
    expect(errors[0]).toBe(guard.lastHalt());
    expect(sdk.server.requests).toHaveLength(3);
    await guard.close();
  });
});
