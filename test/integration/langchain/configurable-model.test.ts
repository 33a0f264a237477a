import { createAgent, HumanMessage, initChatModel } from 'langchain';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hear, question, searchTool } from './support/agents.ts';

let server: OpenAIServer;
beforeEach(async () => {
  server = await startOpenAIServer({
    script: ({ tools, messages }, turn) => {
      if (tools.includes('Weather')) return { toolCalls: [{ name: 'Weather', args: { rain: true } }] };
      const isAgent = tools.includes('search') && messages.length > 0 && turn < 2;
      return isAgent ? { toolCalls: [{ name: 'search', args: { query: `page ${turn}` } }] } : 'It will rain.';
    },
  });
});
afterEach(() => server.close());

const settings = () => ({ apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
/** What `createAgent` makes of a model's name. */
const named = () => initChatModel('openai:gpt-4o-mini', settings());

type AnyGuard = Guard<never, unknown>;
interface Agent {
  invoke(input: unknown, config?: object): Promise<{ messages: { text: string }[] }>;
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
}
const seen = (agent: unknown): Agent => agent as Agent;

const doors: Record<string, (guard: AnyGuard, model: Awaited<ReturnType<typeof named>>) => Agent> = {
  guardAgent: (guard, model) => seen(guardAgent(createAgent({ model, tools: [searchTool()] }), guard)),
  guardMiddleware: (guard, model) => seen(createAgent({ model, tools: [searchTool()], middleware: [guardMiddleware(guard)] })),
  'guardModel in an agent': (guard, model) => seen(createAgent({ model: guardModel(model, guard), tools: [searchTool()] })),
  'every door at once': (guard, model) =>
    seen(guardAgent(createAgent({ model: guardModel(model, guard), tools: [searchTool()], middleware: [guardMiddleware(guard)] }), guard)),
};

describe.each(Object.entries(doors))('a model that is made by its name: %s', (_door, make) => {
  it.each(['invoke', 'stream'] as const)('is held, capped and booked under its own name, by %s', async (way) => {
    const guard: AnyGuard = createGuard({ budgets: { run: { usd: 0.5, outputTokens: 50_000 } } });
    const heard = hear(guard);
    await guard.run({}, async () => {
      const agent = make(guard, await named());
      if (way === 'invoke') return agent.invoke(question);
      for await (const _piece of await agent.stream(question, { streamMode: 'messages' }));
      return undefined;
    });
    expect(server.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([4_096, 4_096, 4_096]);
    const models = heard.steps.filter(({ kind }) => kind === 'model');
    expect(models).toHaveLength(3);
    for (const step of models) expect(step).toMatchObject({ name: 'gpt-4o-mini', outcome: 'ok', isEstimated: false });
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 3 } }]);
    expect(heard.reports[0]?.used.usd).toBeGreaterThan(0);
  });

  it('is stopped at the limit', async () => {
    const guard: AnyGuard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    await expect(guard.run({}, async () => make(guard, await named()).invoke(question))).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
    expect(server.requests).toHaveLength(2);
  });

  it('is the one that the config of the call asks for', async () => {
    const guard: AnyGuard = createGuard({ budgets: { run: { usd: 0.5 } } });
    const heard = hear(guard);
    const model = await initChatModel('openai:gpt-4o-mini', { ...settings(), configurableFields: ['model'] });
    await guard.run({}, () => make(guard, model).invoke(question, { configurable: { model: 'gpt-4o' } }));
    expect(server.requests.map(({ model: asked }) => asked)).toEqual(['gpt-4o', 'gpt-4o', 'gpt-4o']);
    expect(heard.steps.flatMap(({ kind, name }) => (kind === 'model' ? [name] : []))).toEqual(['gpt-4o', 'gpt-4o', 'gpt-4o']);
  });
});

describe('a guarded model that is made by its name', () => {
  const ways: Record<string, (model: Awaited<ReturnType<typeof named>>) => Promise<unknown>> = {
    invoke: (model) => model.invoke('Rain?'),
    stream: async (model) => {
      for await (const _piece of await model.stream('Rain?'));
    },
    batch: (model) => model.batch(['Rain?']),
    generate: (model) => model.generatePrompt([{ toChatMessages: () => [new HumanMessage('Rain?')], toString: () => 'Rain?' } as never]),
    bindTools: (model) => model.bindTools([searchTool()]).invoke('Rain?'),
    withConfig: (model) => model.withConfig({ tags: ['rain'] }).invoke('Rain?'),
    withStructuredOutput: (model) =>
      model.withStructuredOutput(z.object({ rain: z.boolean() }), { name: 'Weather', method: 'functionCalling' }).invoke('Rain?'),
    pipe: (model) => model.pipe((message: { text: string }) => message.text).invoke('Rain?'),
  };

  it.each(Object.entries(ways))('is metered once, by %s', async (_way, call) => {
    const guard: AnyGuard = createGuard({ budgets: { run: { usd: 0.5 } } });
    const heard = hear(guard);
    await call(guardModel(await named(), guard));
    expect(server.requests).toHaveLength(1);
    expect(heard.steps).toMatchObject([{ name: 'gpt-4o-mini', outcome: 'ok', isEstimated: false }]);
    expect(heard.reports).toHaveLength(1);
  });

  it('gives what it was asked for', async () => {
    const model = guardModel(await named(), createGuard());
    const structured = model.withStructuredOutput(z.object({ rain: z.boolean() }), { name: 'Weather', method: 'functionCalling' });
    expect(await structured.invoke('Rain?')).toEqual({ rain: true });
    expect(await model.invoke('Rain?')).toMatchObject({ content: 'It will rain.' });
  });
});
