import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool, type ModelMessage } from 'ai';
import { createGuard, HaltError, type Detector } from 'holdfast';
import { guardModel, guardTools, whenHalted, type HostModel } from 'holdfast/ai-sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { endedRuns, playedSdk, searchTool } from './support/sdk.ts';

afterEach(() => vi.useRealTimers());

type StreamPart = Awaited<ReturnType<HostModel['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

const usage = { inputTokens: { total: 5, noCache: 5, cacheRead: 0, cacheWrite: 0 }, outputTokens: { total: 3, text: 3, reasoning: 0 } };

/** A model in this process: what it does is up to the test. */
const ownModel = (does: Partial<Pick<HostModel, 'doGenerate' | 'doStream'>>): HostModel => ({
  specificationVersion: 'v3',
  provider: 'own',
  modelId: 'gpt-4o-mini',
  supportedUrls: {},
  doGenerate: () => Promise.reject(new Error('unused')),
  doStream: () => Promise.reject(new Error('unused')),
  ...does,
});

describe('a loop is one run', () => {
  it('also where its prompt is cut before each call, and several tools are asked at once', async () => {
    await using sdk = await playedSdk((_request) => ({ toolCalls: ['a', 'b'].map((query) => ({ name: 'search', args: { query } })) }));
    const guard = createGuard({ budgets: { run: { modelCalls: 4 } }, loops: 'off' });
    const reports = endedRuns(guard);
    const { search } = searchTool();
    const error: unknown = await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(10),
      prepareStep: ({ messages, stepNumber }) => ({
        messages: stepNumber === 0 ? messages : [{ role: 'user', content: `Step ${stepNumber}.` }, ...messages.slice(-2)],
      }),
    }).catch((thrown: unknown) => thrown);
    expect(HaltError.is(error)).toBe(true);
    expect(sdk.server.requests).toHaveLength(4);
    await guard.close();
    expect(reports).toHaveLength(1);
  });

  it('and its tools are its own, also where another loop has calls of the same id', async () => {
    const asked: (() => void)[] = [];
    const model = ownModel({
      doGenerate: async ({ prompt }) => {
        const isAsking = prompt.length === 1;
        // Both are asked before either is answered.
        if (isAsking)
          await new Promise<void>((resolve) => {
            asked.push(resolve);
            if (asked.length === 2) for (const go of asked) go();
          });
        return {
          content: isAsking
            ? [{ type: 'tool-call', toolCallId: 'call_0', toolName: 'search', input: '{"query":"rain"}' }]
            : [{ type: 'text', text: 'Yes.' }],
          finishReason: { unified: isAsking ? 'tool-calls' : 'stop', raw: undefined },
          usage,
          warnings: [],
        };
      },
    });
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const { search } = searchTool();
    const ask = (user: string): Promise<unknown> =>
      generateText({
        model: guardModel(model, guard),
        tools: guardTools({ search }, guard),
        prompt: `I am ${user}. Rain?`,
        stopWhen: stepCountIs(5),
        providerOptions: { holdfast: { user } },
      });
    await Promise.all([ask('ann'), ask('ben')]);
    await guard.close();
    const used = await Promise.all(['ann', 'ben'].map(async (user) => (await guard.read('user', user)).used));
    expect(used.map(({ modelCalls, toolCalls }) => [modelCalls, toolCalls])).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });

  it('that is over is not kept, though its tool calls are remembered, and whom it worked for', async () => {
    await using sdk = await playedSdk((_request, turn) =>
      turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'Yes.',
    );
    const guard = createGuard({ budgets: { user: { steps: 100 } } });
    const model = guardModel(sdk.chat(), guard);
    const { search } = searchTool();
    const ask = async (): Promise<{ run: WeakRef<object>; messages: ModelMessage[] }> => {
      const messages: ModelMessage[] = [{ role: 'user', content: 'Rain?' }];
      let run: WeakRef<object> | undefined;
      const watched = { ...search, execute: (input: { query: string }) => ((run = new WeakRef(guard.current()!.run)), input.query) };
      const { response } = await generateText({
        model,
        tools: guardTools({ search: watched }, guard),
        messages,
        stopWhen: stepCountIs(5),
        providerOptions: { holdfast: { user: 'ann' } },
      });
      return { run: run!, messages: [...messages, ...response.messages.slice(0, 2)] };
    };
    const { messages } = await ask();
    const runs: WeakRef<object>[] = [];
    for (let count = 0; count < 20; count += 1) runs.push((await ask()).run);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await vi.waitFor(() => {
      collect();
      // A connection that is kept alive holds on to the context in which it was made.
      expect(runs.filter((run) => run.deref()).length).toBeLessThan(5);
    }, 10_000);
    // The results come again, from wherever the conversation was kept.
    await generateText({ model, messages });
    await guard.close();
    expect((await guard.read('user', 'ann')).used.modelCalls).toBe(2 * 21 + 1);
  });

  it('that is over when a stop condition has ended it for its halt', async () => {
    await using sdk = await playedSdk((_request, turn) => ({ toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] }));
    const guard = createGuard({ budgets: { run: { toolCalls: 1 } } });
    const reports = endedRuns(guard);
    const { search } = searchTool();
    await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: [stepCountIs(50), whenHalted(guard)],
    });
    await vi.waitFor(() => expect(reports).toHaveLength(1), 10_000);
    await guard.close();
  });
});

describe.each([false, true])('a loop that is aborted while a tool works (guarded: %s)', (isGuarded) => {
  it.each([false, true])('is over (streamed: %s)', async (isStreamed) => {
    await using sdk = await playedSdk(() => ({ toolCalls: [{ name: 'wait', args: {} }] }));
    const guard = createGuard();
    const reports = endedRuns(guard);
    const controller = new AbortController();
    const wait = tool({
      description: 'Waits.',
      inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
      execute: (_input, { abortSignal }) =>
        new Promise((_resolve, reject) => {
          abortSignal?.addEventListener('abort', () => reject(new Error('aborted')));
          controller.abort();
        }),
    });
    const tools = isGuarded ? guardTools({ wait }, guard) : { wait };
    const call = { model: guardModel(sdk.chat(), guard), tools, prompt: 'Rain?', stopWhen: stepCountIs(5), abortSignal: controller.signal };
    if (isStreamed) await streamText(call).consumeStream();
    else await generateText(call).catch(() => {});
    await vi.waitFor(() => expect(reports).toMatchObject([{ halt: undefined, used: { modelCalls: 1 } }]), 10_000);
    await guard.close();
  });
});

describe('a stream', () => {
  /** Says one word, and then nothing for ever. */
  const hanging = ownModel({
    doStream: () =>
      Promise.resolve({
        stream: new ReadableStream<StreamPart>({
          start(controller) {
            controller.enqueue({ type: 'stream-start', warnings: [] });
            controller.enqueue({ type: 'text-start', id: '0' });
            controller.enqueue({ type: 'text-delta', id: '0', delta: 'Well' });
          },
        }),
      }),
  });

  it('that hangs does not keep its run for ever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const clock = { now: () => Date.now(), setTimeout: (act: () => void, ms: number) => setTimeout(act, ms), clearTimeout: () => {} };
    const guard = createGuard({ clock });
    const reports = endedRuns(guard);
    const { textStream } = streamText({ model: guardModel(hanging, guard), prompt: 'Rain?' });
    for await (const _piece of textStream) break;
    await vi.advanceTimersByTimeAsync(60 * 60_000);
    expect(reports.map(({ used }) => used.modelCalls)).toEqual([1]);
    await guard.close();
  });

  it('that comes when its call was aborted meanwhile is settled at once', async () => {
    const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
    const controller = new AbortController();
    const model = guardModel(
      ownModel({
        doStream: async (params) => {
          controller.abort();
          return hanging.doStream(params);
        },
      }),
      guard,
    );
    const { stream } = await model.doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'Rain?' }] }],
      abortSignal: controller.signal,
    });
    await vi.waitFor(async () => expect((await guard.read('user')).held.tokens).toBe(0), 10_000);
    await stream.cancel();
    await guard.close();
  });

  it('of a run in a loop tells of its halt once', async () => {
    await using sdk = await playedSdk(() => ({ toolCalls: [{ name: 'search', args: { query: 'rain' } }] }));
    const guard = createGuard();
    const errors: unknown[] = [];
    const { search } = searchTool();
    const result = streamText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(60),
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    await guard.close();
    expect(errors).toEqual([guard.lastHalt()]);
  });
});

it.each([false, true])('an answer that is whole is given, also where its run is halted for it (streamed: %s)', async (isStreamed) => {
  await using sdk = await playedSdk(() => 'It will rain.');
  const strict: Detector = { name: 'strict', observe: ({ kind }) => (kind === 'model' ? { level: 'halt', reason: 'enough' } : undefined) };
  const guard = createGuard({ detectors: [strict] });
  const errors: unknown[] = [];
  const call = {
    model: guardModel(sdk.chat(), guard),
    messages: [
      { role: 'user' as const, content: 'Rain?' },
      { role: 'assistant' as const, content: 'Where?' },
      { role: 'user' as const, content: 'Here.' },
    ],
  };
  const onError = ({ error }: { error: unknown }): void => void errors.push(error);
  const { text } = isStreamed ? streamText({ ...call, onError }) : await generateText(call);
  expect(await text).toBe('It will rain.');
  expect(errors).toEqual([]);
  expect(guard.lastHalt()?.halt.reason).toBe('enough');
  await guard.close();
});

describe('a tool', () => {
  it('that tells of its progress can clean up when its run is halted', async () => {
    await using sdk = await playedSdk((_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'progress', args: {} }] } : 'Yes.'));
    const guard = createGuard();
    let isClean = false;
    const progress = tool({
      description: 'Tells of its progress.',
      inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
      async *execute() {
        try {
          for (;;) {
            yield 'working';
            guard.current()?.run.halt('enough');
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          isClean = true;
        }
      },
    });
    await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ progress }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(5),
    }).catch(() => {});
    await vi.waitFor(() => expect(isClean).toBe(true), 10_000);
    await guard.close();
  });
});

it('a tool’s result that is shortened keeps its picture', async () => {
  await using sdk = await playedSdk((_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'look', args: {} }] } : 'Yes.'));
  const guard = createGuard({ input: { toolResults: { maxTokens: 50 } } });
  const look = tool({
    description: 'Looks out of the window.',
    inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
    execute: () => 'rain',
    toModelOutput: () => ({
      type: 'content',
      value: [
        { type: 'text', text: 'word '.repeat(500) },
        { type: 'image-data', data: picture, mediaType: 'image/png' },
      ],
    }),
  });
  const model = createAnthropic({ baseURL: sdk.server.url, apiKey: 'none' })('claude-sonnet-4-5');
  await generateText({ model: guardModel(model, guard), tools: guardTools({ look }, guard), prompt: 'Rain?', stopWhen: stepCountIs(5) });
  const body = sdk.server.requests[1]?.body as { messages: unknown[] } | undefined;
  expect(body?.messages.at(-1)).toMatchObject({
    content: [
      {
        type: 'tool_result',
        content: [
          { type: 'text', text: expect.stringContaining('characters left out') as string },
          { type: 'image', source: { data: picture } },
        ],
      },
    ],
  });
  await guard.close();
});

/** One pixel. */
const picture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

describe('a structured answer', () => {
  const schema = jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] });

  it('is the fallback’s only where it is JSON; else the error is the halt’s own', async () => {
    await using sdk = await playedSdk(() => 'unused');
    for (const answer of ['I could not finish this.', { city: 'Oslo' }]) {
      const guard = createGuard({ budgets: { run: { inputTokens: 5 } }, fallback: () => answer });
      const outcome: unknown = await generateObject({ model: guardModel(sdk.chat(), guard), schema, prompt: 'Where?' }).then(
        ({ object }) => object,
        (error: unknown) => error,
      );
      expect(outcome).toEqual(typeof answer === 'string' ? guard.lastHalt() : answer);
      await guard.close();
    }
  });
});
