import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard, type GuardOptions } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { hear, messagesGraph, question, searchTool } from './support/agents.ts';
import { fannedOut, supervised, swarm, type TeamParts } from './support/agent-teams.ts';
import { silenceHandlerErrors } from './support/quiet.ts';

silenceHandlerErrors();

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Team {
  invoke(input: unknown, config?: object): Promise<{ messages: { text: string }[] }>;
}
type Shape = (parts: TeamParts) => object;

/** The ways to guard a team of agents: as a whole, its agents one by one, or by a middleware in each of them. */
const ways: Record<
  string,
  (guard: ReturnType<typeof createGuard>, shape: Shape, model: TeamParts['model']) => (input: unknown) => Promise<unknown>
> = {
  'guardAgent around the graph': (guard, shape, model) => {
    const team = guardAgent(shape({ model }) as Team, guard);
    return (input) => team.invoke(input, { recursionLimit: 400 });
  },
  'guardAgent around the graph, guardMiddleware in each agent': (guard, shape, model) => {
    const team = guardAgent(shape({ model, middleware: [guardMiddleware(guard)] }) as Team, guard);
    return (input) => team.invoke(input, { recursionLimit: 400 });
  },
  'guardAgent around the graph and around each agent': (guard, shape, model) => {
    const wrap = <T extends object>(agent: T): T => guardAgent(agent, guard);
    const team = guardAgent(shape({ model, wrap }) as Team, guard);
    return (input) => team.invoke(input, { recursionLimit: 400 });
  },
};

interface Outcome {
  output: { messages: { text: string }[] } | undefined;
  error: { code?: string } | undefined;
}

async function play(way: keyof typeof ways, shape: Shape, script: (agent: string) => OpenAIScript, options: GuardOptions<never> = {}) {
  const guard = createGuard(options);
  const heard = hear(guard);
  const server = await startOpenAIServer({ script: (request, turn) => script(request.model.slice('gpt-4o-mini-'.length))(request, turn) });
  servers.push(server);
  const model = (agent: string) =>
    new ChatOpenAI({ model: `gpt-4o-mini-${agent}`, apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
  const outcome: Outcome = { output: undefined, error: undefined };
  try {
    outcome.output = (await ways[way]?.(guard, shape, model)(question)) as Outcome['output'];
  } catch (error) {
    outcome.error = error as Outcome['error'];
  }
  await guard.close();
  const root = heard.reports.find(({ parentId }) => parentId === undefined);
  return { ...outcome, root, heard, server };
}

const search = (query: string) => ({ name: 'search', args: { query } });
const transfer = (to: string) => ({ toolCalls: [{ name: `transfer_to_${to}`, args: {} }] });

describe.each(Object.keys(ways))('a team of agents: %s', (way) => {
  it('has one budget: every call of every agent is in it, once', async () => {
    const { output, root, heard, server } = await play(way, supervised, (agent) => ({ messages }, turn) => {
      if (agent !== 'boss')
        return turn > 0 && messages.at(-1)?.role === 'tool' && !messages.at(-1)?.text.startsWith('Transferred')
          ? `${agent} is done.`
          : { toolCalls: [search(`${agent}’s part`)] };
      const done = ['alice', 'bob'].filter((each) => messages.some(({ text }) => text === `${each} is done.`));
      return done.length === 2 ? 'It rains.' : transfer(done.length === 0 ? 'alice' : 'bob');
    });
    expect(output?.messages.at(-1)?.text).toBe('It rains.');
    expect(server.refusals).toEqual([]);
    expect(server.requests).toHaveLength(7);
    expect(root?.used).toMatchObject({ modelCalls: 7, toolCalls: 4, steps: 11 });
    expect(Object.keys(root?.tools ?? {}).toSorted()).toEqual(['search', 'transfer_to_alice', 'transfer_to_bob']);
    expect(heard.halts).toEqual([]);
    expect(heard.problems).toEqual([]);
  });

  it('is held to its limit, wherever the step is made', async () => {
    const { error, root, server } = await play(way, swarm, () => (_, turn) => ({ toolCalls: [search(`page ${turn}`)] }), {
      budgets: { run: { modelCalls: 5 } },
    });
    expect(error?.code).toBe('budget_exceeded');
    expect(server.requests).toHaveLength(5);
    expect(root?.used.modelCalls).toBe(5);
  });

  it('that passes a task to and fro is stopped', async () => {
    const { error, heard, server } = await play(way, swarm, (agent) => () => transfer(agent === 'alice' ? 'bob' : 'alice'));
    expect(error?.code).toBe('loop_detected');
    expect(server.requests.length).toBeLessThan(16);
    expect(heard.reports.flatMap(({ verdicts }) => verdicts.map(({ level }) => level))).toContain('halt');
  });

  it('that passes a task to and fro with other words each time is stopped', async () => {
    const words = (turn: number): string => ['Please', 'Kindly', 'Now', 'Again', 'Well', 'So', 'Then', 'Right'][turn % 8] ?? '';
    const { error, heard, server } = await play(way, swarm, (agent) => (_, turn) => ({
      text: `${words(turn)} look at it, number ${turn}.`,
      ...transfer(agent === 'alice' ? 'bob' : 'alice'),
    }));
    expect(error?.code).toBe('loop_detected');
    expect(server.requests.length).toBeLessThan(24);
    expect(heard.reports.flatMap(({ verdicts }) => verdicts.map(({ level }) => level))).toContain('halt');
  });

  it('that hands over often, and finds something each time, goes on', async () => {
    const facts = [
      'Oslo has snow',
      'Rome is dry',
      'Paris sees fog',
      'Cairo burns',
      'Lima is grey',
      'Delhi steams',
      'Perth blows',
      'Quito drips',
    ];
    const { output, heard } = await play(way, supervised, (agent) => ({ messages }) => {
      const told = facts.filter((fact) => messages.some(({ text }) => text.includes(fact)));
      if (agent !== 'boss') return `${facts[told.length]} this week, says ${agent}.`;
      return told.length === facts.length ? 'That is the weather.' : transfer(told.length % 2 === 0 ? 'alice' : 'bob');
    });
    expect(output?.messages.at(-1)?.text).toBe('That is the weather.');
    expect(heard.halts).toEqual([]);
  });
});

describe('a graph', () => {
  const modelOf = (server: OpenAIServer) =>
    new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
  const started = async (script: OpenAIScript): Promise<OpenAIServer> => {
    const server = await startOpenAIServer({ script });
    servers.push(server);
    return server;
  };

  it('that sends its work out at once stays within its budget, to the call', async () => {
    const server = await started(() => ({ text: 'Done.', delayMs: 5 }));
    const guard = createGuard({ budgets: { run: { modelCalls: 7 } } });
    const heard = hear(guard);
    const graph = guardAgent(fannedOut(guardModel(modelOf(server), guard)) as unknown as Team, guard);
    const topics = Array.from({ length: 20 }, (_, at) => `topic ${at}`);
    await expect(graph.invoke({ topics })).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(server.requests.length).toBeLessThanOrEqual(7);
    await guard.close();
    expect(heard.reports[0]?.used.modelCalls).toBeLessThanOrEqual(7);
    const all = guardAgent(fannedOut(modelOf(server)) as unknown as Team, createGuard({ budgets: { run: { modelCalls: 20 } } }));
    expect((await all.invoke({ topics })).messages).toHaveLength(20);
  });

  it('inside another draws on the same budget, and may have a tighter one of its own', async () => {
    const server = await started((_, turn) => (turn < 50 ? { toolCalls: [search(`page ${turn}`)] } : 'Done.'));
    const guard = createGuard({ budgets: { run: { modelCalls: 9 } } });
    const heard = hear(guard);
    const inner = () => messagesGraph(guardModel(modelOf(server), guard), guardTools([searchTool()], guard));
    const around = (node: object) =>
      new StateGraph(MessagesAnnotation)
        .addNode('inner', node as never)
        .addEdge('__start__', 'inner')
        .compile() as unknown as Team;
    await expect(guardAgent(around(inner()), guard).invoke(question)).rejects.toMatchObject({
      code: 'budget_exceeded',
      halt: { denial: { limit: 9 } },
    });
    const tighter = guardAgent(inner(), guard, { agent: 'inner', budgets: { run: { modelCalls: 3 } } });
    await expect(guardAgent(around(tighter), guard).invoke(question)).rejects.toMatchObject({
      code: 'budget_exceeded',
      halt: { denial: { limit: 3 } },
    });
    await guard.close();
    const [first, ...others] = heard.reports;
    expect(first).toMatchObject({ used: { modelCalls: 9 }, parentId: undefined });
    expect(others.map(({ parentId, used }) => [parentId === undefined, used.modelCalls])).toEqual([
      [false, 3],
      [true, 3],
    ]);
  });

  it('keeps its agents’ names in its steps, for those who look for hand-overs', async () => {
    const server = await started((_, turn) => (turn === 0 ? { toolCalls: [search('rain')] } : 'Done.'));
    const seen: unknown[] = [];
    const guard = createGuard({
      detectors: [{ name: 'names', observe: (step) => void seen.push([step.kind, step.agent]) }],
    });
    const team = guardAgent(swarm({ model: () => modelOf(server) }) as unknown as Team, guard, { agent: 'team' });
    await team.invoke(question);
    expect(seen).toContainEqual(['tool', 'alice']);
  });
});
