import { Command, MemorySaver, StateGraph, MessagesAnnotation } from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, createMiddleware } from 'langchain';
import { createGuard, handoff, wrapUp } from 'holdfast';
import { guardAgent, guardMiddleware, interruptHandoff } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { classicExecutor, hear, question, searchTool } from './support/agents.ts';
import {
  searcher,
  waitingDoors,
  waitingScene,
  type Agent,
  type Answer,
  type SceneOptions,
  type WaitingDoor,
} from './support/waiting-scene.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function play(script: OpenAIScript, options: Omit<SceneOptions, 'url'>) {
  const server = await startOpenAIServer({ script });
  servers.push(server);
  const scene = waitingScene({ ...options, url: server.url });
  return { ...scene, server, heard: hear(scene.guard) };
}

const config = { configurable: { thread_id: 'one' }, recursionLimit: 200 };
const limited = { run: { steps: 4 } };
const resume = (answer: unknown): Command => new Command({ resume: answer });
const asked = ({ __interrupt__ }: Answer) => __interrupt__?.[0]?.value;
const doors = Object.keys(waitingDoors) as WaitingDoor[];

describe.each(doors)('a hand-off by an interrupt: %s', (door) => {
  it('has its loop forgotten by the answer', async () => {
    const { agent, server, guard, heard } = await play(searcher({ same: true }), { door });
    const waiting = await agent.invoke(question, config);
    expect(asked(waiting)).toMatchObject({
      type: 'holdfast:handoff',
      halt: { cause: 'loop' },
      verdicts: [expect.objectContaining({ level: 'warn' }), expect.objectContaining({ level: 'halt' })],
    });
    const answer = await agent.invoke(resume('Enough'), config);
    expect(answer.messages.at(-1)?.text).toMatch(/^It rains/);
    expect(server.requests.at(-1)?.messages.at(-1)).toMatchObject({ role: 'user', text: 'Enough' });
    await guard.close();
    expect(heard.halts).toEqual([]);
    expect(heard.starts).toHaveLength(1);
    expect(server.refusals).toEqual([]);
  });

  it('stops the run in the name of the person, or ends it with the person’s answer', async () => {
    const stopped = await play(searcher(), { door, budgets: limited });
    await stopped.agent.invoke(question, config);
    const error: unknown = await stopped.agent.invoke(resume({ stop: 'of no use' }), config).catch((each: unknown) => each);
    expect((error as { code?: string }).code ?? (error as { cause: { code: string } }).cause.code).toBe('halted_by_person');

    const answered = await play(searcher(), { door, budgets: limited });
    await answered.agent.invoke(question, config);
    const { messages } = await answered.agent.invoke(resume({ answer: 'A colleague knows: it rains.' }), config);
    expect(messages.at(-1)?.text).toBe('A colleague knows: it rains.');
    expect(answered.server.requests).toHaveLength(2);
  });

  it('waits on when it is taken up without an answer', async () => {
    const { agent, guard, heard, server } = await play(searcher({ times: 3 }), { door, budgets: limited });
    await agent.invoke(question, config);
    expect(asked(await agent.invoke(null, config))).toMatchObject({ type: 'holdfast:handoff' });
    await agent.invoke(resume({ limits: { steps: 9 } }), config);
    await guard.close();
    expect(heard.starts).toHaveLength(1);
    expect(heard.reports).toMatchObject([
      {
        used: { steps: 7, modelCalls: 4 },
        interventions: [
          { detail: expect.stringContaining('a person was asked') },
          { detail: expect.stringContaining('a person let the run go on') },
        ],
      },
    ]);
    expect(server.requests).toHaveLength(4);
  });

  it('heeds a person who answers twice once', async () => {
    const { agent, guard, heard, server } = await play(searcher({ times: 3 }), { door, budgets: limited });
    await agent.invoke(question, config);
    const answers = await Promise.allSettled([
      agent.invoke(resume({ words: 'Go on.', limits: { steps: 9 } }), config),
      agent.invoke(resume({ words: 'Go on.', limits: { steps: 9 } }), config),
    ]);
    const [, second] = answers;
    expect(answers[0]).toMatchObject({ status: 'fulfilled' });
    const refused = (second as PromiseRejectedResult).reason as { code?: string; cause?: { code: string } };
    expect(refused.code ?? refused.cause?.code).toBe('resume_refused');
    // Once more, when all is over: the graph has nothing left to do.
    await agent.invoke(resume({ limits: { steps: 900 } }), config).catch(() => {});
    await guard.close();
    expect(heard.reports.reduce((sum, { used }) => sum + used.steps, 0)).toBe(7);
    expect(server.requests).toHaveLength(4);
    expect(server.requests.at(-1)?.messages.filter(({ text }) => text === 'Go on.')).toHaveLength(1);
  });

  it('goes on as the same run after the answer’s call has failed', async () => {
    let isDown = false;
    const script = searcher({ times: 3 });
    const { agent, guard, heard } = await play(
      (request, turn) => (isDown ? { fault: { kind: 'status', status: 500 } } : script(request, turn)),
      { door, budgets: limited },
    );
    await agent.invoke(question, config);
    isDown = true;
    await expect(agent.invoke(resume({ limits: { steps: 8 } }), config)).rejects.toThrow();
    isDown = false;
    const { messages } = await agent.invoke(null, config);
    expect(messages.at(-1)?.text).toBe('It rains, after 3 turns.');
    await guard.close();
    expect(new Set(heard.starts).size).toBe(1);
    expect(heard.reports.at(-1)?.used.steps).toBe(8);
  });
});

describe('a hand-off by an interrupt', () => {
  it.each([
    ['stream of messages', (agent: Agent) => drained(agent.stream(question, { ...config, streamMode: 'messages' }))],
    ['stream of updates', (agent: Agent) => drained(agent.stream(question, config))],
    ['events', (agent: Agent) => drained(agent.streamEvents(question, { ...config, version: 'v2' }))],
  ])('of a %s waits as well', async (_what, begin) => {
    const { agent, guard, heard } = await play(searcher({ times: 3 }), { door: 'guardAgent(createAgent)', budgets: limited });
    await begin(agent);
    const { messages } = await agent.invoke(resume({ limits: { steps: 9 } }), config);
    expect(messages.at(-1)?.text).toBe('It rains, after 3 turns.');
    await guard.close();
    expect(heard.starts).toHaveLength(1);
    expect(heard.reports).toMatchObject([{ used: { steps: 7 } }]);
  });

  it('leaves the answers of other interrupts of the same node to those', async () => {
    const { interrupt } = await import('@langchain/langgraph');
    const server = await startOpenAIServer({ script: searcher({ times: 3 }) });
    servers.push(server);
    const said: unknown[] = [];
    const review = createMiddleware({
      name: 'Review',
      wrapModelCall: async (request, next) => {
        const response = await next(request);
        if (request.messages.length > 4) said.push(interrupt('Is that right?'));
        return response;
      },
    });
    const guard = createGuard({ budgets: limited, ladder: [handoff(interruptHandoff())] });
    const heard = hear(guard);
    const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
    const agent = guardAgent(
      createAgent({ model, tools: [searchTool()], checkpointer: new MemorySaver(), middleware: [review] }) as unknown as Agent,
      guard,
    );
    expect(asked(await agent.invoke(question, config))).toMatchObject({ type: 'holdfast:handoff' });
    expect(asked(await agent.invoke(resume({ words: 'Go on.', limits: { steps: 20 } }), config))).toBe('Is that right?');
    expect(asked(await agent.invoke(resume('yes'), config))).toBe('Is that right?');
    expect((await agent.invoke(resume('also'), config)).messages.at(-1)?.text).toBe('It rains, after 3 turns.');
    expect(said).toEqual(['yes', 'also']);
    await guard.close();
    expect(heard.starts).toHaveLength(1);
    // What the model was really asked for again is really paid again.
    expect(heard.reports[0]?.used.modelCalls).toBe(server.requests.length);
  });

  it('climbs the next rung where nobody can be asked: without a checkpointer, and outside of graphs', async () => {
    const server = await startOpenAIServer({ script: searcher() });
    servers.push(server);
    const guard = createGuard({ budgets: limited, ladder: [handoff(interruptHandoff()), wrapUp()] });
    const { problems } = hear(guard);
    const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
    const agent = createAgent({ model, tools: [searchTool()], middleware: [guardMiddleware(guard)] });
    expect((await agent.invoke(question)).messages.at(-1)?.text).toMatch(/^It rains/);
    expect(problems[0]).toMatchObject({ hook: 'rung handoff', error: { message: expect.stringContaining('No checkpointer set') } });
    const executor = guardAgent(classicExecutor(model, [searchTool()]), guard);
    await expect(executor.invoke({ input: 'Will it rain?' })).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('goes on from the newest checkpoint when the caller names it, and begins anew from an older one', async () => {
    const { agent, guard, heard, checkpointer } = await play(searcher({ times: 3 }), { door: 'guardAgent(createAgent)', budgets: limited });
    await agent.invoke(question, config);
    const checkpoints: object[] = [];
    for await (const { config: each } of checkpointer.list({ configurable: { thread_id: 'one' } })) checkpoints.push(each);
    const { messages } = await agent.invoke(resume({ limits: { steps: 9 } }), { ...checkpoints[0], recursionLimit: 200 });
    expect(messages.at(-1)?.text).toBe('It rains, after 3 turns.');
    expect(heard.starts).toHaveLength(1);
    await agent.invoke(null, { ...checkpoints[1], recursionLimit: 200 });
    expect(new Set(heard.starts).size).toBe(2);
    await guard.close();
  });

  it('belongs to the tenant whose thread it is', async () => {
    const { agent } = await play(searcher(), { door: 'guardAgent(createAgent)', budgets: limited });
    await agent.invoke(question, { ...config, metadata: { tenant_id: 'acme' } });
    await expect(agent.invoke(resume('Enough'), { ...config, metadata: { tenant_id: 'other' } })).rejects.toMatchObject({
      code: 'resume_refused',
      why: 'foreign',
    });
  });

  it('of a node that waits beside others is answered for each', async () => {
    const server = await startOpenAIServer({ script: () => 'It rains.' });
    servers.push(server);
    const guard = createGuard({ budgets: { run: { modelCalls: 0 } }, ladder: [handoff(interruptHandoff())] });
    const heard = hear(guard);
    const { guardModel } = await import('holdfast/langchain');
    const model = guardModel(new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', configuration: { baseURL: server.url } }), guard);
    const ask = async () => ({ messages: [await model.invoke('Will it rain?')] });
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('north', ask)
      .addNode('south', ask)
      .addEdge('__start__', 'north')
      .addEdge('__start__', 'south')
      .compile({ checkpointer: new MemorySaver() });
    const agent = guardAgent(graph as unknown as Agent, guard);
    const { __interrupt__: waiting = [] } = await agent.invoke(question, config);
    expect(waiting).toHaveLength(2);
    const all = Object.fromEntries(waiting.map(({ id }) => [id, { limits: { modelCalls: 2 } }]));
    const { messages } = await agent.invoke(resume(all), config);
    expect(messages.map(({ text }) => text)).toEqual(['Will it rain?', 'It rains.', 'It rains.']);
    await guard.close();
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 2 } }]);
  });
});

async function drained(stream: AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>): Promise<void> {
  for await (const _ of await stream);
}
