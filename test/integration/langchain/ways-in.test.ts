import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { StructuredTool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, guardModel, guardTools } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hear, messagesGraph, question, searchTool } from './support/agents.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

type AnyGuard = Guard<never, unknown>;

let server: OpenAIServer;
beforeEach(async () => {
  server = await startOpenAIServer({ script: () => 'It will rain.' });
});
afterEach(() => server.close());

const all = async (stream: AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>): Promise<unknown[]> => {
  const pieces: unknown[] = [];
  for await (const piece of await stream) pieces.push(piece);
  return pieces;
};

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

const ask = 'Will it rain?';
const modelWays: Record<string, (model: BaseChatModel) => Promise<unknown>> = {
  invoke: (model) => model.invoke(ask),
  generate: (model) => model.generate([[['human', ask] as never]]),
  batch: (model) => model.batch([ask]),
  stream: (model) => all(model.stream(ask)),
  transform: (model) => all(model.transform(once(ask), {})),
  streamLog: (model) => all(model.streamLog(ask)),
  'streamEvents v1': (model) => all(model.streamEvents(ask, { version: 'v1' })),
  'streamEvents v2': (model) => all(model.streamEvents(ask, { version: 'v2' })),
  'the newer streamEvents': async (model) => model.streamEvents(ask),
  pipe: (model) => model.pipe((message) => message.text).invoke(ask),
  'pipe, streamed': (model) => all(model.pipe((message) => message.text).stream(ask)),
  withConfig: (model) => model.withConfig({ tags: ['rain'] }).invoke(ask),
  'withConfig, its events': (model) => all(model.withConfig({ tags: ['rain'] }).streamEvents(ask, { version: 'v2' })),
  withRetry: (model) => model.withRetry().invoke(ask),
  withFallbacks: (model) => model.withFallbacks([model]).invoke(ask),
  withListeners: (model) => model.withListeners({}).invoke(ask),
  bindTools: async (model) => model.bindTools?.([searchTool()]).invoke(ask),
};

describe.each([false, true])('a guarded model, over the Responses API: %s', (useResponsesApi) => {
  it.each(Object.entries(modelWays))('is metered once, by %s', async (_way, call) => {
    const guard: AnyGuard = createGuard({ budgets: { run: { usd: 0.5 } } });
    const heard = hear(guard);
    const configuration = { baseURL: server.url };
    await call(guardModel(new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, useResponsesApi, configuration }), guard));
    expect(server.requests).toHaveLength(1);
    expect(heard.steps).toMatchObject([{ name: 'gpt-4o-mini', outcome: 'ok', isEstimated: false }]);
    await expect.poll(() => heard.reports).toMatchObject([{ used: { modelCalls: 1 } }]);
  });
});

const args = { query: 'rain' };
const toolWays: Record<string, (tool: StructuredTool) => Promise<unknown>> = {
  invoke: (tool) => tool.invoke(args),
  'a whole tool call': (tool) => tool.invoke({ type: 'tool_call', id: 'call_1', name: 'search', args }),
  batch: (tool) => tool.batch([args]),
  stream: (tool) => all(tool.stream(args)),
  'streamEvents v2': (tool) => all(tool.streamEvents(args, { version: 'v2' })),
  streamLog: (tool) => all(tool.streamLog(args)),
  pipe: (tool) => tool.pipe((found: unknown) => found).invoke(args),
  withConfig: (tool) => tool.withConfig({ tags: ['rain'] }).invoke(args),
  withRetry: (tool) => tool.withRetry().invoke(args),
  withFallbacks: (tool) => tool.withFallbacks([tool]).invoke(args),
};

describe('a guarded tool', () => {
  it.each(Object.entries(toolWays))('is metered once, by %s', async (_way, call) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const searched: string[] = [];
    const [tool] = guardTools([searchTool((query) => `found ${searched.push(query)}`)], guard);
    await call(tool as unknown as StructuredTool);
    expect(searched).toEqual(['rain']);
    expect(heard.steps).toMatchObject([{ name: 'search', outcome: 'ok' }]);
  });
});

describe('a guarded graph', () => {
  it.each(['streamLog', 'transform', '_streamIterator'] as const)('is metered once, by %s', async (way) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const graph = guardAgent(messagesGraph(new ScriptedChatModel(() => ({ text: 'Rain.' })), [searchTool()]), guard);
    const ways = { streamLog: () => graph.streamLog(question), transform: () => graph.transform(once(question) as never, {}) };
    await all(way === '_streamIterator' ? graph._streamIterator(question) : ways[way]());
    expect(heard.steps).toMatchObject([{ kind: 'model', outcome: 'ok' }]);
    await expect.poll(() => heard.reports.length).toBe(1);
  });
});

describe('several prompts at once', () => {
  const prompts = [[['human', 'Rain?']], [['human', 'And snow?']]] as never;
  const made = (): ChatOpenAI =>
    new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });

  it('give the totals that the model itself gives', async () => {
    const { llmOutput } = await guardModel(made(), createGuard()).generate(prompts);
    expect(llmOutput).toEqual((await made().generate(prompts)).llmOutput);
    expect(llmOutput).toHaveProperty('tokenUsage.completionTokens');
  });
});
