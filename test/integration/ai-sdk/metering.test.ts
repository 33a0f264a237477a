import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, stepCountIs, streamText, tool, jsonSchema, RetryError } from 'ai';
import { createGuard, findHaltError, HaltError, lighterReasoning, type EndedStepInfo, type Guard } from 'holdfast';
import { guardModel, guardTools, whenHalted, type HostModel } from 'holdfast/ai-sdk';
import { startOpenAIServer } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { endedRuns, playedSdk, searchTool, served } from './support/sdk.ts';

const steps = (guard: Guard): EndedStepInfo[] => {
  const ended: EndedStepInfo[] = [];
  guard.on('step:end', ({ step }) => void ended.push(step));
  return ended;
};

const ways: Record<string, (options: object) => Promise<string>> = {
  generateText: async (options) => (await generateText(options as never)).text,
  streamText: async (options) => streamText({ onError: () => {}, ...options } as never).text,
};

describe.each(Object.entries(ways))('%s', (_way, ask) => {
  it.each(['chat', 'responses'] as const)('books cached input and reasoning as the provider bills them (%s)', async (api) => {
    await using sdk = await playedSdk(() => ({ text: 'Yes.', reasoningTokens: 9, cachedInputTokens: 3 }));
    const guard = createGuard();
    const ended = steps(guard);
    await ask({ model: guardModel(sdk[api](), guard), prompt: 'Will it rain in Oslo tomorrow?' });
    await guard.close();
    const [step] = ended;
    expect(step?.usage).toMatchObject({ ...served(sdk.server), cachedInputTokens: 3, reasoningTokens: 9 });
    expect(step?.isEstimated).toBe(false);
  });

  it('books the hold where nothing is said of usage, and zero where zero is said', async () => {
    await using sdk = await playedSdk(({ messages }) => ({
      text: 'Yes.',
      usage: messages[0]?.text === 'silent' ? 'missing' : { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 },
    }));
    const guard = createGuard();
    const ended = steps(guard);
    await ask({ model: guardModel(sdk.chat(), guard), prompt: 'silent' });
    await ask({ model: guardModel(sdk.chat(), guard), prompt: 'zero' });
    await guard.close();
    expect(ended.map(({ isEstimated, usage }) => [isEstimated, usage?.inputTokens === 0])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('makes each try of the SDK a call with a hold of its own, in one run', async () => {
    await using sdk = await playedSdk((request) =>
      request.index === 0 ? { fault: { kind: 'status', status: 429, retryAfterSeconds: 0 } } : 'Yes.',
    );
    const guard = createGuard();
    const reports = endedRuns(guard);
    expect(await ask({ model: guardModel(sdk.chat(), guard), prompt: 'Rain?', maxRetries: 2 })).toBe('Yes.');
    await guard.close();
    expect(sdk.server.requests).toHaveLength(2);
    expect(reports).toHaveLength(1);
    expect(reports[0]?.used).toMatchObject({ modelCalls: 2, ...served(sdk.server) });
  });

  it('is not tried again when it was refused', async () => {
    await using sdk = await playedSdk(() => ({ fault: { kind: 'status', status: 429, retryAfterSeconds: 0 } }));
    const guard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    const told: unknown[] = [];
    await ask({
      model: guardModel(sdk.chat(), guard),
      prompt: 'Rain?',
      maxRetries: 5,
      onError: ({ error }: { error: unknown }) => void told.push(error),
    }).catch((error: unknown) => told.push(error));
    await guard.close();
    expect(sdk.server.requests).toHaveLength(2);
    // The SDK puts a layer around what it had tried before.
    expect(RetryError.isInstance(told[0])).toBe(true);
    expect(findHaltError(told[0])).toBe(guard.lastHalt());
  });

  it('books what an error leaves: nothing for a call that never arrived, and the error is the provider’s own', async () => {
    const gone = await startOpenAIServer({ script: () => '' });
    await gone.close();
    await using sdk = await playedSdk(() => ({ fault: { kind: 'status', status: 400, message: 'Bad.' } }));
    const guard = createGuard({ budgets: { user: { usd: 1 } } });
    const errors: unknown[] = [];
    const onError = ({ error }: { error: unknown }): void => void errors.push(error);
    await ask({ model: guardModel(sdk.chat(), guard), prompt: 'Rain?', onError }).catch(onErrorOf(errors));
    await guard.close();
    expect(errors[0]).toMatchObject({ statusCode: 400 });
    expect((await guard.read('user')).used).toMatchObject({ usd: 0, modelCalls: 1 });
  });

  it('books an aborted call: the input, and what had streamed', async () => {
    await using sdk = await playedSdk(() => ({ text: 'word '.repeat(50), pieceDelayMs: 1, fault: { kind: 'hang', afterPieces: 12 } }));
    const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
    const ended = steps(guard);
    const controller = new AbortController();
    const asking = ask({ model: guardModel(sdk.chat(), guard), prompt: 'Rain?', abortSignal: controller.signal, maxRetries: 0 }).catch(
      () => 'aborted',
    );
    while (sdk.server.requests[0]?.status === undefined && sdk.server.requests.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort();
    await asking;
    await guard.close();
    expect(ended).toHaveLength(1);
    expect(ended[0]).toMatchObject({ isEstimated: true });
    expect(ended[0]?.usage?.inputTokens).toBeGreaterThan(0);
    expect((await guard.read('user')).held.tokens).toBe(0);
  });

  it('cuts what is under way when the run’s time is over, and tells of it by the one error', async () => {
    await using sdk = await playedSdk(() => ({ text: 'word '.repeat(50), fault: { kind: 'hang', afterPieces: 3 } }));
    const guard = createGuard({ budgets: { run: { duration: '200ms' } } });
    const errors: unknown[] = [];
    await ask({
      model: guardModel(sdk.chat(), guard),
      prompt: 'Rain?',
      onError: ({ error }: { error: unknown }) => void errors.push(error),
    }).catch(onErrorOf(errors));
    await guard.close();
    expect(guard.lastHalt()?.halt.cause).toBe('deadline');
    expect(errors[0]).toBe(guard.lastHalt());
  });

  it('ends with what it has where a stop condition looks after its halt', async () => {
    await using sdk = await playedSdk((_request, turn) => ({ toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] }));
    for (const budgets of [{ run: { modelCalls: 3 } }, { run: { toolCalls: 3 } }]) {
      const guard = createGuard({ budgets });
      const { search, asked } = searchTool();
      const options = { model: guardModel(sdk.chat(), guard), tools: guardTools({ search }, guard), prompt: 'Rain?' };
      expect(await ask({ ...options, stopWhen: [stepCountIs(50), whenHalted(guard)] })).toBe('');
      expect(asked).toHaveLength(3);
      expect(guard.lastHalt()?.halt).toMatchObject({ cause: 'budget' });
      await guard.close();
    }
  });

  it('is halted in a loop, at the step in which it is seen', async () => {
    await using sdk = await playedSdk(() => ({ toolCalls: [{ name: 'search', args: { query: 'rain' } }] }));
    const guard = createGuard();
    const errors: unknown[] = [];
    const { search } = searchTool();
    await ask({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(60),
      onError: ({ error }: { error: unknown }) => void errors.push(error),
    }).catch(onErrorOf(errors));
    expect(guard.lastHalt()?.halt.cause).toBe('loop');
    expect(errors[0]).toBe(guard.lastHalt());
    expect(sdk.server.requests.length).toBeLessThan(20);
    await guard.close();
  });
});

const onErrorOf =
  (errors: unknown[]) =>
  (error: unknown): void =>
    void errors.push(error);

describe('Anthropic’s models', () => {
  const anthropicOf = (url: string): HostModel => createAnthropic({ baseURL: url, apiKey: 'none' })('claude-sonnet-4-5');

  it.each(Object.entries(ways))('are billed for what they read from and wrote to the cache (%s)', async (_way, ask) => {
    await using sdk = await playedSdk(() => ({ text: 'Yes.', cachedInputTokens: 2, cacheWriteTokens: 3 }));
    const guard = createGuard();
    const ended = steps(guard);
    await ask({ model: guardModel(anthropicOf(sdk.server.url), guard), prompt: 'Will it rain in Oslo tomorrow?' });
    await guard.close();
    expect(ended[0]?.usage).toMatchObject({ ...served(sdk.server), cachedInputTokens: 2, cacheWriteTokens: 3 });
    expect(ended[0]?.isEstimated).toBe(false);
  });

  it('think less when they are told to', async () => {
    await using sdk = await playedSdk(() => 'Yes.');
    const guard = createGuard({ budgets: { run: { usd: 1 } }, ladder: [lighterReasoning({ at: 0, maxTokens: 1_024 })] });
    await generateText({
      model: guardModel(anthropicOf(sdk.server.url), guard),
      prompt: 'Rain?',
      maxOutputTokens: 2_000,
      providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 8_000 } } },
    });
    await guard.close();
    expect(sdk.server.requests[0]?.body).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 1_024 } });
  });
});

it('a model of the user’s own that says nothing but zeros has said nothing', async () => {
  const usage = { inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 0, text: 0, reasoning: 0 } };
  const own = (raw: object): HostModel => ({
    specificationVersion: 'v3',
    provider: 'own',
    modelId: 'gpt-4o-mini',
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: 'text', text: 'Yes.' }],
      finishReason: { unified: 'stop', raw: undefined },
      usage: { ...usage, ...raw },
      warnings: [],
    }),
    doStream: () => Promise.reject(new Error('unused')),
  });
  const guard = createGuard();
  const ended = steps(guard);
  for (const raw of [{}, { raw: { input_tokens: 0 } }]) await generateText({ model: guardModel(own(raw), guard), prompt: 'Rain?' });
  await guard.close();
  expect(ended.map(({ isEstimated, used }) => [isEstimated, used.outputTokens > 0])).toEqual([
    [true, true],
    [false, false],
  ]);
});

describe('a stream', () => {
  it.each([false, true])(
    'is cut when its text goes in circles, and says so with the one error or the fallback’s answer (%s)',
    async (hasFallback) => {
      await using sdk = await playedSdk(() => ({ text: 'word '.repeat(2_000) }));
      const guard = createGuard(hasFallback ? { fallback: () => ' Enough.' } : {});
      const errors: unknown[] = [];
      const finished: unknown[] = [];
      let text = '';
      const { fullStream } = streamText({
        model: guardModel(sdk.chat(), guard),
        prompt: 'Rain?',
        onError: ({ error }) => void errors.push(error),
      });
      for await (const part of fullStream) {
        if (part.type === 'text-delta') text += part.text;
        if (part.type === 'finish') finished.push(part.finishReason);
      }
      await guard.close();
      expect(guard.lastHalt()?.halt.cause).toBe('loop');
      expect(text.startsWith('word word')).toBe(true);
      expect(text.length).toBeLessThan(5_000);
      expect(errors).toEqual(hasFallback ? [] : [guard.lastHalt()]);
      expect(finished).toEqual([hasFallback ? 'stop' : 'error']);
      expect(text.endsWith(' Enough.')).toBe(hasFallback);
    },
  );

  it('that the consumer leaves and aborts is settled at once', async () => {
    await using sdk = await playedSdk(() => ({ text: 'word '.repeat(500), pieceDelayMs: 1 }));
    const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
    const controller = new AbortController();
    const { textStream } = streamText({ model: guardModel(sdk.chat(), guard), prompt: 'Rain?', abortSignal: controller.signal });
    for await (const _piece of textStream) break;
    controller.abort();
    await guard.close();
    const { used, held } = await guard.read('user');
    expect(held.tokens).toBe(0);
    expect(used.outputTokens).toBeGreaterThan(0);
    expect(used.outputTokens).toBeLessThan(400);
  });

  it('that is read outside of guard.run goes on for the same user', async () => {
    await using sdk = await playedSdk((_request, turn) =>
      turn < 2 ? { toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] } : 'Yes.',
    );
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const { search } = searchTool();
    const stream = await guard.run(
      { scopes: { user: 'u1' } },
      () =>
        streamText({
          model: guardModel(sdk.chat(), guard),
          tools: guardTools({ search }, guard),
          prompt: 'Rain?',
          stopWhen: stepCountIs(9),
        }).textStream,
    );
    let text = '';
    for await (const piece of stream) text += piece;
    expect(text).toBe('Yes.');
    await guard.close();
    expect((await guard.read('user', 'u1')).used.steps).toBe(5);
  });
});

describe('tools', () => {
  const progress = tool({
    description: 'Tells of its progress.',
    inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } } }),
    async *execute({ query }: { query: string }) {
      yield `looking for ${query}`;
      yield `found ${query}`;
    },
  });

  it('that tell of their progress still do, and their last word is the result', async () => {
    const told: Record<string, unknown[]> = { plain: [], guarded: [] };
    for (const kind of ['plain', 'guarded'] as const) {
      await using sdk = await playedSdk((_request, turn) =>
        turn === 0 ? { toolCalls: [{ name: 'progress', args: { query: 'rain' }, id: 'call_1' }] } : 'Yes.',
      );
      const guard = createGuard();
      const tools = kind === 'plain' ? { progress } : guardTools({ progress }, guard);
      const { fullStream } = streamText({ model: guardModel(sdk.chat(), guard), tools, prompt: 'Rain?', stopWhen: stepCountIs(5) });
      for await (const part of fullStream) if (part.type === 'tool-result') told[kind]?.push([part.output, part.preliminary]);
      await guard.close();
    }
    expect(told['guarded']).toEqual(told['plain']);
    expect(told['guarded']).toHaveLength(3);
  });

  it('that run at once are steps at once, and each refused one has its result', async () => {
    await using sdk = await playedSdk((_request, turn) =>
      turn === 0 ? { toolCalls: ['a', 'b', 'c', 'd'].map((query) => ({ name: 'search', args: { query } })) } : 'Yes.',
    );
    const guard = createGuard({ budgets: { run: { toolCalls: 2 } }, fallback: () => 'Enough.' });
    const { search, asked } = searchTool();
    const result = await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(5),
    });
    expect(asked).toHaveLength(2);
    expect(result.text).toBe('Enough.');
    expect(result.steps[0]?.content.filter(({ type }) => type === 'tool-result' || type === 'tool-error')).toHaveLength(4);
    await guard.close();
  });

  it('may be many at once, without a warning of Node’s', async () => {
    await using sdk = await playedSdk((_request, turn) =>
      turn === 0 ? { toolCalls: Array.from({ length: 25 }, (_, place) => ({ name: 'search', args: { query: `q${place}` } })) } : 'Yes.',
    );
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const guard = createGuard();
    const search = tool({
      description: 'Searches.',
      inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } } }),
      execute: ({ query }) => new Promise<string>((resolve) => setTimeout(() => resolve(`found ${query}`), 50)),
    });
    const tools = guardTools({ search }, guard);
    await generateText({ model: guardModel(sdk.chat(), guard), tools, prompt: 'Rain?', stopWhen: stepCountIs(5) });
    await guard.close();
    process.off('warning', onWarning);
    expect(warnings.filter((message) => message.includes('abort listeners'))).toEqual([]);
  });

  it('are told to stop, and no longer waited for, when the run is halted', async () => {
    await using sdk = await playedSdk((_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'hang', args: {} }] } : 'Yes.'));
    const guard = createGuard({ budgets: { run: { duration: '150ms' } } });
    let signal: AbortSignal | undefined;
    const hang = tool({
      description: 'Never answers.',
      inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
      execute: (_input, options) => {
        signal = options.abortSignal;
        return new Promise<string>(() => {});
      },
    });
    const error: unknown = await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ hang }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(5),
    }).catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(signal?.reason).toBe(error);
    await guard.close();
  });

  it('that are not guarded are counted and judged when the model is asked again', async () => {
    await using sdk = await playedSdk(() => ({ toolCalls: ['a', 'b'].map((query) => ({ name: 'search', args: { query } })) }));
    const guard = createGuard();
    const { search } = searchTool();
    const error: unknown = await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: { search },
      prompt: 'Rain?',
      stopWhen: stepCountIs(50),
    }).catch((thrown: unknown) => thrown);
    expect(HaltError.is(error) && error.halt.cause).toBe('loop');
    expect(HaltError.is(error) && error.report.used.toolCalls).toBeGreaterThan(6);
    await guard.close();
  });

  it('that hold an agent are runs inside the run, and draw on its budget', async () => {
    await using sdk = await playedSdk(({ tools }, turn) => {
      if (tools.includes('research')) return turn === 0 ? { toolCalls: [{ name: 'research', args: { query: 'rain' } }] } : 'Done.';
      return turn < 2 ? { toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] } : 'Researched.';
    });
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const reports = endedRuns(guard);
    const model = guardModel(sdk.chat(), guard);
    const { search } = searchTool();
    const research = tool({
      description: 'Researches.',
      inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } } }),
      execute: async ({ query }) =>
        (await generateText({ model, tools: guardTools({ search }, guard), prompt: query, stopWhen: stepCountIs(9) })).text,
    });
    const { text } = await generateText({
      model,
      tools: guardTools({ research }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(9),
      providerOptions: { holdfast: { user: 'u1' } },
    });
    expect(text).toBe('Done.');
    await guard.close();
    expect(reports.map(({ used }) => used.steps)).toEqual([5, 8]);
    expect((await guard.read('user', 'u1')).used.steps).toBe(8);
    expect(reports[0]).toMatchObject({ parentId: reports[1]?.runId });
  });
});
