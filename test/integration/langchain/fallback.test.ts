import { RunnableLambda } from '@langchain/core/runnables';
import { MemorySaver } from '@langchain/langgraph';
import { AIMessage, type BaseMessage } from '@langchain/core/messages';
import { createAgent } from 'langchain';
import { createGuard, type Halt, type Run } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { classicExecutor, hear, messagesGraph, question, searching, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

const runaway = (): ScriptedChatModel => new ScriptedChatModel(searching(1_000));
const sorry = (_halt: Halt, run: Run): string => `Sorry, after ${run.report().used.modelCalls} calls I have no answer.`;
const answer = 'Sorry, after 2 calls I have no answer.';
const limited = (fallback: (halt: Halt, run: Run) => unknown = sorry): ReturnType<typeof createGuard<never, unknown>> =>
  createGuard<never, unknown>({ budgets: { run: { modelCalls: 2 } }, fallback });
const said = (output: unknown): string[] =>
  (output as { messages: BaseMessage[] }).messages.map((message) => `${message.getType?.() ?? 'given'}: ${message.text}`);
const all = async (stream: AsyncIterable<unknown>): Promise<unknown[]> => {
  const pieces: unknown[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
};

const wholeConversation = [
  'human: Will it rain?',
  'ai: ',
  'tool: found 0a',
  'tool: found 0b',
  'ai: ',
  'tool: found 1a',
  'tool: found 1b',
  `ai: ${answer}`,
];

describe('createAgent ends with the fallback’s answer', () => {
  const agents = {
    guardAgent: (guard: ReturnType<typeof limited>, options = {}) =>
      guardAgent(createAgent({ model: runaway(), tools: [searchTool()], ...options }), guard),
    guardMiddleware: (guard: ReturnType<typeof limited>, options = {}) =>
      createAgent({ model: runaway(), tools: [searchTool()], middleware: [guardMiddleware(guard)], ...options }),
  };

  it.each(['guardAgent', 'guardMiddleware'] as const)('%s, as the last message of a whole conversation', async (way) => {
    const guard = limited();
    const heard = hear(guard);
    expect(said(await agents[way](guard).invoke(question))).toEqual(wholeConversation);
    await guard.close();
    expect(heard.halts).toEqual(['budget']);
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 2, toolCalls: 4 }, halt: { cause: 'budget' } }]);
  });

  it.each(['guardAgent', 'guardMiddleware'] as const)('%s, in a stream and in the thread, which then goes on', async (way) => {
    const guard = limited();
    const agent = agents[way](guard, { checkpointer: new MemorySaver() });
    const config = { configurable: { thread_id: 'one' } };
    const pieces = (await all(await agent.stream(question, { ...config, streamMode: 'updates' }))) as Record<
      string,
      { messages: BaseMessage[] }
    >[];
    expect(pieces.at(-1)?.['model_request']?.messages[0]?.text).toBe(answer);
    expect(said((await agent.graph.getState(config)).values)).toEqual(wholeConversation);
    const next = await agent.invoke({ messages: [{ role: 'user', content: 'And tomorrow?' }] }, config);
    expect(said(next).slice(0, 9)).toEqual([...wholeConversation, 'human: And tomorrow?']);
    expect(said(next).at(-1)).toBe(`ai: ${answer}`);
  });

  it('also when the halt comes at its tools: each call gets a result, and the fallback is asked once', async () => {
    let asked = 0;
    const guard = createGuard<never, unknown>({ budgets: { run: { toolCalls: 2 } }, fallback: () => `asked ${(asked += 1)} time` });
    const output = await guardAgent(createAgent({ model: runaway(), tools: [searchTool()] }), guard).invoke(question);
    const stopped = 'tool: The run was stopped before this call was finished.';
    expect(said(output).slice(4)).toEqual(['ai: ', stopped, stopped, 'ai: asked 1 time']);
  });

  it('when its duration is over in the middle of a call', async () => {
    const guard = createGuard<never, unknown>({ budgets: { run: { duration: '50ms' } }, fallback: () => 'Too slow.' });
    const hangs = searchTool(() => new Promise(() => {}));
    const output = await guardAgent(createAgent({ model: runaway(), tools: [hangs] }), guard).invoke(question);
    expect(said(output).at(-1)).toBe('ai: Too slow.');
    expect(said(output)[0]).toBe('human: Will it rain?');
  });

  it('with an answer that is a message already', async () => {
    const message = new AIMessage({ content: 'Ask a person.', id: 'mine' });
    const output = await guardAgent(
      createAgent({ model: runaway(), tools: [searchTool()] }),
      limited(() => message),
    ).invoke(question);
    expect(output.messages.at(-1)?.id).toBe('mine');
  });
});

describe('other agents answer in their own shape', () => {
  it('a graph of messages', async () => {
    const graph = guardAgent(messagesGraph(runaway(), [searchTool()]), limited());
    expect(said(await graph.invoke(question)).at(-1)).toBe(`ai: ${answer}`);
    const inputs = [question, question];
    expect((await graph.batch(inputs)).map((output) => said(output).at(-1))).toEqual([`ai: ${answer}`, `ai: ${answer}`]);
  });

  it.each([
    ['updates', { agent: { messages: [expect.objectContaining({ content: answer })] } }],
    ['values', { messages: [question.messages[0], expect.objectContaining({ content: answer })] }],
    ['messages', [expect.objectContaining({ content: answer }), { langgraph_node: 'agent' }]],
    [
      ['updates', 'custom'],
      ['updates', { agent: { messages: [expect.objectContaining({ content: answer })] } }],
    ],
  ])('a graph that streams %s', async (streamMode, last) => {
    const graph = guardAgent(messagesGraph(runaway(), [searchTool()]), limited());
    const pieces = await all(await graph.stream(question, { streamMode: streamMode as 'updates' }));
    expect(pieces.at(-1)).toEqual(last);
  });

  it('a graph whose events are streamed', async () => {
    const graph = guardAgent(messagesGraph(runaway(), [searchTool()]), limited());
    const events = await all(graph.streamEvents(question, { version: 'v2' }));
    expect(events.at(-1)).toMatchObject({ event: 'on_chain_end', data: { output: { messages: [{}, { content: answer }] } } });
  });

  it('a classic executor', async () => {
    const executor = guardAgent(classicExecutor(runaway(), [searchTool()]), limited());
    expect(await executor.invoke({ input: 'Rain?' })).toEqual({ output: answer });
    expect((await all(await executor.stream({ input: 'Rain?' }))).at(-1)).toEqual({ output: answer });
  });

  it('a chat model', async () => {
    const guard = createGuard<never, unknown>({ budgets: { session: { modelCalls: 1 } }, fallback: () => 'Enough.' });
    const model = guardAgent(new ScriptedChatModel(() => ({ text: 'Rain.' })), guard);
    expect((await model.invoke('Rain?')).text).toBe('Rain.');
    expect(await model.invoke('Rain?')).toMatchObject({ content: 'Enough.' });
  });

  it('any other runnable gives the answer as it is, and an option gives it another shape', async () => {
    const loops = RunnableLambda.from(async (): Promise<unknown> => {
      for (;;) await model.invoke('Rain?');
    });
    const model = new ScriptedChatModel(() => ({ text: 'Rain.' }));
    expect(await guardAgent(loops, limited()).invoke('')).toBe(answer);
    const shaped = guardAgent(loops, limited(), { answer: (output) => ({ forecast: output }) });
    expect(await shaped.invoke('')).toEqual({ forecast: answer });
    expect(await all(await shaped.stream(''))).toEqual([{ forecast: answer }]);
  });

  it('inside guard.run the agent answers, in its shape', async () => {
    const guard = limited();
    const executor = guardAgent(classicExecutor(runaway(), [searchTool()]), guard);
    expect(await guard.run(() => executor.invoke({ input: 'Rain?' }))).toEqual({ output: answer });
  });

  it('a guarded model inside an executor leaves the answer to the guarded executor', async () => {
    const guard = limited();
    const executor = guardAgent(classicExecutor(guardModel(runaway(), guard), [searchTool()]), guard);
    expect(await executor.invoke({ input: 'Rain?' })).toEqual({ output: answer });
  });
});

describe('a fallback that fails', () => {
  it.each(['createAgent', 'graph'])('%s: the caller gets the error of the halt, and an event tells of the fallback', async (kind) => {
    const guard = limited(() => {
      throw new Error('no fallback today');
    });
    const heard = hear(guard);
    const agent = kind === 'graph' ? messagesGraph(runaway(), [searchTool()]) : createAgent({ model: runaway(), tools: [searchTool()] });
    const error = await (guardAgent(agent, guard) as { invoke(input: unknown): Promise<unknown> })
      .invoke(question)
      .catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(heard.problems).toMatchObject([{ hook: 'fallback' }]);
  });
});
