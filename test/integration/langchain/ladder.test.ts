import { AgentExecutor, createToolCallingAgent } from '@langchain/classic/agents';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import {
  cachedAnswer,
  cheaperModel,
  createGuard,
  handoff,
  heldBackCall,
  lighterReasoning,
  notice,
  resumeRun,
  shorterReplies,
  summarizedHistory,
  trimmedContext,
  webhookHandoff,
  wrapUp,
  type GuardOptions,
  type Rung,
} from 'holdfast';
import { guardAgent, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer, type RecordedRequest } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { searchTool } from './support/agents.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** Searches some times, or for ever as long as it has tools, and answers then. */
const searching =
  (times: number, query = (turn: number) => `page ${'abcdefghijklmnopqrstuvwxyz'[turn % 26]} of the weather`): OpenAIScript =>
  (request, turn) =>
    turn < times && request.tools.length > 0 ? { toolCalls: [{ name: 'search', args: { query: query(turn) } }] } : 'It will rain.';

interface Played {
  readonly answer: string;
  readonly requests: readonly RecordedRequest[];
  readonly searched: readonly string[];
}

interface Scene {
  readonly script: OpenAIScript;
  readonly ladder: readonly Rung[];
  readonly guard?: Omit<GuardOptions<string>, 'ladder' | 'fallback'>;
  readonly question?: string;
  readonly result?: (query: string) => string;
  readonly model?: object;
}

type Door = (scene: Scene) => Promise<Played>;

/** A scene through a door: the agent is made by `play`, the model speaks to the server of the test. */
const through =
  (
    play: (parts: {
      guard: ReturnType<typeof createGuard>;
      model: ChatOpenAI;
      tool: ReturnType<typeof searchTool>;
      question: string;
    }) => Promise<string>,
  ): Door =>
  async ({
    script,
    ladder,
    guard: options = {},
    question = 'Will it rain?',
    result = (query) => `about ${query}: rain`,
    model: fields = {},
  }) => {
    const server = await startOpenAIServer({ script });
    servers.push(server);
    const searched: string[] = [];
    const tool = searchTool((query) => {
      searched.push(query);
      return result(query);
    });
    const model = new ChatOpenAI({ model: 'gpt-4o', apiKey: 'key', maxRetries: 0, configuration: { baseURL: server.url }, ...fields });
    const answer = await play({ guard: createGuard({ ...options, ladder }), model, tool, question });
    return { answer, requests: server.requests, searched };
  };

const doors: Record<string, Door> = {
  guardMiddleware: through(async ({ guard, model, tool, question }) => {
    const agent = createAgent({ model, tools: [tool], middleware: [guardMiddleware(guard)] });
    const { messages } = await agent.invoke({ messages: [{ role: 'user', content: question }] }, { recursionLimit: 200 });
    return messages.at(-1)?.text ?? '';
  }),
  'guardAgent(createAgent)': through(async ({ guard, model, tool, question }) => {
    const agent = guardAgent(createAgent({ model, tools: [tool] }), guard);
    const { messages } = await agent.invoke({ messages: [{ role: 'user', content: question }] }, { recursionLimit: 200 });
    return messages.at(-1)?.text ?? '';
  }),
  'guardAgent(AgentExecutor) with guardModel and guardTools': through(async ({ guard, model, tool, question }) => {
    const prompt = ChatPromptTemplate.fromMessages([
      ['human', '{input}'],
      ['placeholder', '{agent_scratchpad}'],
    ]);
    const tools = guardTools([tool], guard);
    const executor = new AgentExecutor({
      agent: createToolCallingAgent({ llm: guardModel(model, guard), tools, prompt, streamRunnable: false }),
      tools,
      maxIterations: 100,
    });
    const { output } = (await guardAgent(executor, guard).invoke({ input: question })) as { output: string };
    return output;
  }),
};

const low = { at: 0 };

describe.each(Object.entries(doors))('the ladder through %s', (_name, play) => {
  it('sends another model, a cap and an instruction', async () => {
    const { requests, answer } = await play({
      script: searching(1),
      ladder: [cheaperModel('gpt-4o-mini', low), shorterReplies({ ...low, maxOutputTokens: 300 })],
    });
    expect(requests.every(({ model, maxOutputTokens }) => model === 'gpt-4o-mini' && maxOutputTokens === 300)).toBe(true);
    expect(requests[1]?.messages.at(-1)?.text).toContain('Be brief');
    expect(requests[1]?.tools).toEqual(['search']);
    expect(answer).toBe('It will rain.');
  });

  it('sends a lower effort', async () => {
    const { requests } = await play({
      script: searching(0),
      ladder: [lighterReasoning(low)],
      model: { model: 'gpt-5', reasoning: { effort: 'high' } },
    });
    expect(requests[0]?.reasoningEffort).toBe('low');
  });

  it('cuts a request that is too large, and old results', async () => {
    const { requests } = await play({
      script: searching(4),
      ladder: [trimmedContext({ ...low, resultTokens: 60, keepLast: 2 })],
      question: `Will it rain? ${'word '.repeat(5_000)}`,
      result: (query) => `${query} ${'rain '.repeat(300)}`,
      guard: { loops: 'off', input: { maxTokens: 3_000 } },
    });
    expect(requests[0]?.messages.find(({ role }) => role === 'user')?.text.length).toBeLessThan(15_000);
    const results = requests.at(-1)?.messages.filter(({ role }) => role === 'tool') ?? [];
    expect(results[0]?.text.length).toBeLessThan(500);
    expect(results.at(-1)?.text.length).toBeGreaterThan(1_000);
  });

  it('sends a summary in place of old turns, and keeps the task', async () => {
    const { requests, answer } = await play({
      script: (request, turn) =>
        turn < 40 && !request.messages.some(({ text }) => text.startsWith('[Summary')) ? searching(40)(request, turn) : 'It will rain.',
      ladder: [summarizedHistory({ ...low, keepLast: 2, minTokens: 100 })],
      result: (query) => `${query} ${'rain '.repeat(100)}`,
      guard: { loops: 'off' },
    });
    expect(answer).toBe('It will rain.');
    const last = requests.at(-1)?.messages ?? [];
    expect(last.some(({ text }) => text.startsWith('[Summary of'))).toBe(true);
    expect(last.some(({ text }) => text === 'Will it rain?')).toBe(true);
  });

  it('tells a loop once, answers it from before, and ends it with an answer', async () => {
    const { requests, searched, answer } = await play({
      script: searching(99, () => 'rain'),
      ladder: [notice(), heldBackCall({ reuse: ['search'], most: 99 }), wrapUp()],
    });
    const notices = requests.filter(({ messages }) => messages.at(-1)?.text.startsWith('[Notice] You are repeating'));
    expect(notices).toHaveLength(1);
    expect(searched).toHaveLength(3);
    expect(answer).toBe('It will rain.');
    expect(requests.at(-1)?.tools).toEqual([]);
    expect(requests.at(-1)?.messages.at(-1)?.text).toContain('The run ends here');
  });

  it('ends a run at its limit with an answer', async () => {
    const { answer, requests } = await play({ script: searching(99), ladder: [wrapUp()], guard: { budgets: { run: { steps: 8 } } } });
    expect(answer).toBe('It will rain.');
    expect(requests.at(-1)?.tools).toEqual([]);
  });

  it('answers from a cache, and hands over', async () => {
    const cached = await play({ script: searching(9), ladder: [cachedAnswer((task) => `cached: ${task}`, { isFirst: true })] });
    expect(cached).toMatchObject({ answer: 'cached: Will it rain?', requests: [] });
    const handed = await play({
      script: searching(99),
      ladder: [handoff(({ task }) => `ticket for ${task}`)],
      guard: { budgets: { run: { steps: 4 } } },
    });
    expect(handed.answer).toBe('ticket for Will it rain?');
  });

  it('takes a tool away that keeps looping', async () => {
    const { requests, searched, answer } = await play({
      script: (request, turn) =>
        turn < 14 && request.tools.length > 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'It will rain.',
      ladder: [heldBackCall({ reuse: ['search'], most: 1, awayFor: 3 })],
    });
    const offered = requests.map(({ tools }) => tools.length);
    expect(offered).toContain(0);
    expect(offered.slice(0, offered.indexOf(0)).every((count) => count === 1)).toBe(true);
    expect(searched.length).toBeLessThan(5);
    expect(answer).toBe('It will rain.');
  });

  it('asks for nothing in the last answer, whatever the model says', async () => {
    const { answer, requests, searched } = await play({
      script: (_, turn) => ({ text: `Page ${turn}.`, toolCalls: [{ name: 'search', args: { query: `page ${turn}` } }] }),
      ladder: [wrapUp()],
      guard: { budgets: { run: { steps: 6 } } },
    });
    expect(answer).toMatch(/^Page \d\.$/);
    expect(requests.at(-1)?.tools).toEqual([]);
    expect(searched).toHaveLength(requests.length - 2);
  });

  it('hands over where the last call fails', async () => {
    const { answer, requests } = await play({
      script: (request, turn) => (request.tools.length === 0 ? { fault: { kind: 'status', status: 500 } } : searching(99)(request, turn)),
      ladder: [wrapUp(), handoff(({ task }) => `ticket for ${task}`)],
      guard: { budgets: { run: { steps: 6 } } },
    });
    expect(answer).toBe('ticket for Will it rain?');
    expect(requests.at(-1)?.tools).toEqual([]);
  });

  it('sends no effort with a plain model', async () => {
    const { requests, answer } = await play({
      script: searching(1),
      ladder: [cheaperModel('gpt-4o-mini', low)],
      model: { model: 'gpt-5', reasoning: { effort: 'high' } },
    });
    expect(answer).toBe('It will rain.');
    for (const { model, reasoningEffort, body } of requests) {
      expect({ model, reasoningEffort }).toEqual({ model: 'gpt-4o-mini', reasoningEffort: undefined });
      expect(body).not.toHaveProperty('reasoning');
    }
  });

  it('goes on with a person’s words, which stay in the conversation', async () => {
    const { answer, requests } = await play({
      script: (request, turn) =>
        request.messages.some(({ text }) => text === 'Look outside.')
          ? request.messages.at(-1)?.role === 'user'
            ? searching(99)(request, turn)
            : 'It rains.'
          : searching(99, () => 'rain')(request, turn),
      ladder: [handoff(() => resumeRun({ words: 'Look outside.' }))],
    });
    expect(answer).toBe('It rains.');
    expect(requests.at(-1)?.messages.some(({ text }) => text === 'Look outside.')).toBe(true);
    expect(requests.at(-1)?.messages.at(-1)?.role).toBe('tool');
  });
});

it('a desk that is down is as a person who is not there', async () => {
  const desk = webhookHandoff('http://127.0.0.1:1', { secret: 'sixteen bytes or more', retries: 0 });
  const play = doors['guardMiddleware'] as Door;
  const { answer } = await play({ script: searching(99), ladder: [handoff(desk), wrapUp()], guard: { budgets: { run: { steps: 6 } } } });
  expect(answer).toBe('It will rain.');
});
