import { ChatOpenAI } from '@langchain/openai';
import { createAgent, providerStrategy, toolStrategy } from 'langchain';
import { cheaperModel, createGuard } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { question, searchTool } from './support/agents.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const modelAt = (url: string, name: string) =>
  new ChatOpenAI({ model: name, apiKey: 'none', maxRetries: 0, configuration: { baseURL: url } });
const Weather = z.object({ rain: z.boolean(), place: z.string() });
const weather = { rain: true, place: 'Oslo' };

type AgentOptions = Parameters<typeof createAgent>[0];
const doors: Record<string, (guard: ReturnType<typeof createGuard>, options: object) => ReturnType<typeof createAgent>> = {
  guardMiddleware: (guard, options) => createAgent({ ...options, middleware: [guardMiddleware(guard)] } as unknown as AgentOptions),
  guardAgent: (guard, options) => guardAgent(createAgent(options as unknown as AgentOptions), guard),
};
/** A cheaper model by its name, and as an instance of its own. */
const swaps: Record<string, (url: string) => string | ChatOpenAI> = {
  'by name': () => 'gpt-4o-mini',
  'by instance': (url) => modelAt(url, 'gpt-4o-mini'),
};
const cases = Object.keys(doors).flatMap((door) => Object.keys(swaps).map((swap) => [door, swap] as const));

async function scene(door: string, swap: string, script: OpenAIScript, options: object = {}) {
  const server = await startOpenAIServer({ script });
  servers.push(server);
  const guard = createGuard({ ladder: [cheaperModel(swaps[swap]?.(server.url) as never, { at: 0 })] });
  const agent = doors[door]?.(guard, { model: modelAt(server.url, 'gpt-4o'), tools: [searchTool()], ...options });
  if (!agent) throw new Error(`no door ${door}`);
  return { server, guard, agent };
}

describe.each(cases)('a cheaper model in the place of another, through %s, %s', (door, swap) => {
  it('answers in the structure that was asked for, by a tool', async () => {
    const script: OpenAIScript = ({ tools }, turn) =>
      turn === 0
        ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] }
        : { toolCalls: [{ name: tools.find((name) => name !== 'search') ?? '', args: weather }] };
    const { agent, server } = await scene(door, swap, script, { responseFormat: toolStrategy(Weather) });
    const { structuredResponse } = (await agent.invoke(question)) as { structuredResponse?: unknown };
    expect(structuredResponse).toEqual(weather);
    expect(server.requests.map(({ model, tools }) => [model, tools.length])).toEqual([
      ['gpt-4o-mini', 2],
      ['gpt-4o-mini', 2],
    ]);
    expect(server.refusals).toEqual([]);
  });

  it('answers in the structure that was asked for, by the provider’s own format', async () => {
    const { agent, server } = await scene(door, swap, () => JSON.stringify(weather), { responseFormat: providerStrategy(Weather) });
    const { structuredResponse } = (await agent.invoke(question)) as { structuredResponse?: unknown };
    expect(structuredResponse).toEqual(weather);
    expect(server.requests[0]).toMatchObject({ model: 'gpt-4o-mini', body: { response_format: { type: 'json_schema' } } });
  });

  it('streams, piece by piece, with its tool calls and its usage', async () => {
    const script: OpenAIScript = (_, turn) =>
      turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'It will rain all day long.';
    const { agent, server, guard } = await scene(door, swap, script);
    const reports: unknown[] = [];
    guard.on(
      'run:end',
      ({ report }) =>
        void reports.push({ models: Object.keys(report.models), estimated: report.estimatedSteps, used: report.used.modelCalls }),
    );
    const pieces: string[] = [];
    for await (const [message, metadata] of await agent.stream(question, { streamMode: 'messages' })) {
      const { langgraph_node: node } = metadata as { langgraph_node?: string };
      if (node === 'model_request' && message.text !== '') pieces.push(message.text);
    }
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.join('')).toBe('It will rain all day long.');
    expect(server.requests.every(({ model, stream }) => model === 'gpt-4o-mini' && stream)).toBe(true);
    await guard.close();
    expect(reports).toEqual([{ models: ['gpt-4o-mini'], estimated: 0, used: 2 }]);
  });
});

it('guardModel keeps the structure that was asked for over a swap', async () => {
  const server = await startOpenAIServer({
    script: ({ tools }) => (tools[0] ? { toolCalls: [{ name: tools[0], args: weather }] } : JSON.stringify(weather)),
  });
  servers.push(server);
  const guard = createGuard({ ladder: [cheaperModel('gpt-4o-mini', { at: 0 })] });
  const model = guardModel(modelAt(server.url, 'gpt-4o'), guard);
  for (const method of ['functionCalling', 'jsonSchema'] as const)
    expect(await model.withStructuredOutput(Weather, { method, name: 'weather' }).invoke('Will it rain?')).toEqual(weather);
  expect(server.requests.map((request) => request.model)).toEqual(['gpt-4o-mini', 'gpt-4o-mini']);
});
