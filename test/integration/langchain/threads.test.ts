import { Command, interrupt, MemorySaver } from '@langchain/langgraph';
import type { BaseMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware } from 'holdfast/langchain';
import { fakeClock, startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hear, messagesGraph, question, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

let server: OpenAIServer;
/** A model that refuses a conversation which is not valid, as the real one does. */
beforeEach(async () => {
  const calls = ['a', 'b'].map((part) => ({ name: 'search', args: { query: part } }));
  server = await startOpenAIServer({
    script: ({ messages }) => (messages.at(-1)?.text === 'Will it rain?' ? { toolCalls: calls } : `You said: ${messages.at(-1)?.text}`),
  });
});
afterEach(() => server.close());

const model = (): ChatOpenAI =>
  new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
const config = { configurable: { thread_id: 'one' } };
const say = (content: string): { messages: { role: 'user'; content: string }[] } => ({ messages: [{ role: 'user', content }] });

interface Agent {
  invoke(input: unknown, config?: object): Promise<unknown>;
  getState(config: object): Promise<{ values: { messages: BaseMessage[] }; next: string[] }>;
}
const seen = (agent: unknown): Agent => agent as Agent;

/** The tool calls of a thread that have no result. */
async function dangling(agent: Agent): Promise<unknown[]> {
  const { messages } = (await agent.getState(config)).values;
  const results = new Set(messages.map((message) => (message as { tool_call_id?: string }).tool_call_id));
  return messages
    .flatMap((message) => (message as { tool_calls?: { id: string }[] }).tool_calls ?? [])
    .filter(({ id }) => !results.has(id));
}

type AnyGuard = Guard<never, unknown>;
/** One call of a tool stops the run while the other is under way. */
const stopping = (stop: () => void) =>
  searchTool(async (query) => {
    if (query === 'a') return new Promise(() => {});
    stop();
    return 'found b';
  });

describe('an abort in the middle of tools, and the thread’s next turn', () => {
  it.each([
    ['createAgent', 0],
    ['StateGraph', 2],
  ])('guardAgent around %s leaves no gap (or %i), and closes it before the next turn', async (kind, gaps) => {
    const guard: AnyGuard = createGuard();
    const tools = [stopping(() => guard.current()?.run.halt())];
    const checkpointer = new MemorySaver();
    const agent = guardAgent(
      seen(kind === 'createAgent' ? createAgent({ model: model(), tools, checkpointer }) : messagesGraph(model(), tools, { checkpointer })),
      guard,
    );
    await expect(agent.invoke(question, config)).rejects.toMatchObject({ code: 'halted_by_person' });
    expect(await dangling(agent)).toHaveLength(gaps);
    const { messages } = (await agent.invoke(say('Hello again'), config)) as { messages: BaseMessage[] };
    expect(messages.at(-1)?.text).toBe('You said: Hello again');
    expect(messages.map((message) => message.getType())).toEqual(['human', 'ai', 'tool', 'tool', 'human', 'ai']);
    expect(await dangling(agent)).toEqual([]);
    expect(server.refusals).toEqual([]);
  });

  it('guardMiddleware closes a gap that is found inside a thread, in the checkpoint too', async () => {
    const guard: AnyGuard = createGuard();
    const controller = new AbortController();
    const tools = [stopping(() => controller.abort())];
    const agent = createAgent({ model: model(), tools, checkpointer: new MemorySaver(), middleware: [guardMiddleware(guard)] });
    await expect(agent.invoke(question, { ...config, signal: controller.signal })).rejects.toThrow();
    const state = seen(agent.graph);
    expect(await dangling(state)).toHaveLength(2);
    const { messages } = await agent.invoke(say('Hello again'), config);
    expect(messages.at(-1)?.text).toBe('You said: Hello again');
    expect(await dangling(state)).toEqual([]);
    const unguarded = createAgent({ model: model(), tools, checkpointer: agent.checkpointer as MemorySaver });
    expect((await unguarded.invoke(say('And now?'), config)).messages.at(-1)?.text).toBe('You said: And now?');
    expect(server.refusals).toEqual([]);
    await guard.close();
  });

  it('without a guard the next turn is refused, which is what the gap is', async () => {
    const controller = new AbortController();
    const agent = createAgent({ model: model(), tools: [stopping(() => controller.abort())], checkpointer: new MemorySaver() });
    await expect(agent.invoke(question, { ...config, signal: controller.signal })).rejects.toThrow();
    await expect(agent.invoke(say('Hello again'), config)).rejects.toMatchObject({ status: 400 });
  });

  it('leaves results alone that the new input brings itself', async () => {
    const guard: AnyGuard = createGuard();
    const graph = messagesGraph(model(), [stopping(() => guard.current()?.run.halt())], { checkpointer: new MemorySaver() });
    const agent = guardAgent(seen(graph), guard);
    await agent.invoke(question, config).catch(() => {});
    const results = (await dangling(agent)).map((call) => ({
      role: 'tool',
      content: 'found it myself',
      tool_call_id: (call as { id: string }).id,
    }));
    const { messages } = (await agent.invoke({ messages: [...results, ...say('So?').messages] }, config)) as { messages: BaseMessage[] };
    expect(messages.filter((message) => message.getType() === 'tool').map(({ text }) => text)).toEqual([
      'found it myself',
      'found it myself',
    ]);
    expect(server.refusals).toEqual([]);
  });
});

describe('a run that waits for a person', () => {
  const asking = () => searchTool((query) => `${query}: ${interrupt('May I?')}`);
  const oneByOne = () =>
    new ScriptedChatModel((turn) => (turn < 2 ? { calls: [{ name: 'search', args: { query: `${turn}` } }] } : { text: 'It will rain.' }));
  const doors: Record<string, (guard: AnyGuard) => { agent: Agent; config: object }> = {
    guardAgent: (guard) => ({
      agent: guardAgent(seen(createAgent({ model: oneByOne(), tools: [asking()], checkpointer: new MemorySaver() })), guard),
      config,
    }),
    'guardAgent around a graph': (guard) => ({
      agent: guardAgent(seen(messagesGraph(oneByOne(), [asking()], { checkpointer: new MemorySaver() })), guard),
      config,
    }),
    GuardCallbackHandler: (guard) => ({
      agent: seen(createAgent({ model: oneByOne(), tools: [asking()], checkpointer: new MemorySaver() })),
      config: { ...config, callbacks: [new GuardCallbackHandler(guard)] },
    }),
    guardMiddleware: (guard) => ({
      agent: seen(
        createAgent({ model: oneByOne(), tools: [asking()], checkpointer: new MemorySaver(), middleware: [guardMiddleware(guard)] }),
      ),
      config,
    }),
  };

  it.each(Object.entries(doors))('%s: goes on as the same run, and counts each call once', async (_door, make) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const { agent, config: given } = make(guard);
    expect(await agent.invoke(question, given)).toHaveProperty('__interrupt__');
    expect(heard.reports).toEqual([]);
    await agent.invoke(new Command({ resume: 'yes' }), given);
    const output = (await agent.invoke(new Command({ resume: 'yes' }), given)) as { messages: BaseMessage[] };
    expect(output.messages.at(-1)?.text).toBe('It will rain.');
    await guard.close();
    expect(heard.starts).toHaveLength(1);
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 3, toolCalls: 2 } }]);
  });

  it.each(Object.entries(doors))('%s: its time stands still meanwhile', async (_door, make) => {
    const clock = fakeClock();
    const guard: AnyGuard = createGuard({ budgets: { run: { duration: '1m' } }, clock });
    const { agent, config: given } = make(guard);
    await agent.invoke(question, given);
    clock.advance(60 * 60_000);
    await agent.invoke(new Command({ resume: 'yes' }), given);
    clock.advance(60 * 60_000);
    const output = (await agent.invoke(new Command({ resume: 'yes' }), given)) as { messages: BaseMessage[] };
    expect(output.messages.at(-1)?.text).toBe('It will rain.');
    expect(guard.lastHalt()).toBeUndefined();
  });

  it.each(Object.entries(doors))('%s: is over when something else is said in its thread', async (_door, make) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const { agent, config: given } = make(guard);
    await agent.invoke(question, given);
    await agent.invoke(question, given).catch(() => {});
    await guard.close();
    expect(heard.starts).toHaveLength(2);
    expect(heard.reports).toHaveLength(2);
  });

  it.each(Object.entries(doors))('%s: is neither taken up nor ended from another tenant’s thread of the same name', async (_door, make) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const { agent, config: given } = make(guard);
    const of = (tenant_id: string): object => ({ ...given, metadata: { tenant_id } });
    await agent.invoke(question, of('acme'));
    await agent.invoke(new Command({ resume: 'yes' }), of('other')).catch(() => {});
    await make(guard).agent.invoke(question, of('other'));
    expect(heard.reports.filter(({ tenant }) => tenant === 'acme')).toEqual([]);
    await agent.invoke(new Command({ resume: 'yes' }), of('acme'));
    await guard.close();
    const [own, ...more] = heard.reports.filter(({ tenant }) => tenant === 'acme');
    expect(more).toEqual([]);
    expect(own).toMatchObject({ halt: undefined });
    expect(own?.used.modelCalls).toBeGreaterThan(1);
  });

  const streams: [string, object][] = [
    ...['updates', 'values', 'messages', 'custom', 'tasks', 'debug', 'checkpoints'].map((streamMode): [string, object] => [
      streamMode,
      { streamMode },
    ]),
    ['server-sent events', { encoding: 'text/event-stream' }],
  ];
  const graphs: Record<string, () => unknown> = {
    'an interrupt': () => messagesGraph(oneByOne(), [asking()], { checkpointer: new MemorySaver() }),
    'a breakpoint': () => messagesGraph(oneByOne(), [searchTool()], { checkpointer: new MemorySaver(), interruptBefore: ['tools'] }),
  };
  const waits = Object.entries(graphs).flatMap(([at, make]) => streams.map(([name, options]) => ({ at, name, make, options })));

  it.each(waits)('at $at goes on as the same run when it streams $name', async ({ at, make, options }) => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const agent = guardAgent(make() as { stream(input: unknown, config: object): Promise<AsyncIterable<unknown>> }, guard);
    for (const input of [question, 1, 2]) {
      const given = input === question ? question : at === 'a breakpoint' ? null : new Command({ resume: 'yes' });
      for await (const _piece of await agent.stream(given, { ...config, ...options }));
    }
    await guard.close();
    expect(heard.starts).toHaveLength(1);
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 3, toolCalls: 2 } }]);
  });

  it('is over where its consumer left before it came to a breakpoint', async () => {
    const guard: AnyGuard = createGuard();
    const heard = hear(guard);
    const agent = guardAgent(
      graphs['a breakpoint']?.() as { stream(input: unknown, config: object): Promise<AsyncIterable<unknown>> },
      guard,
    );
    for await (const _piece of await agent.stream(question, { ...config, streamMode: 'messages' })) break;
    await expect.poll(() => heard.reports.length).toBe(1);
  });
});
