import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { Runnable, RunnableLambda, type RunnableConfig } from '@langchain/core/runnables';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { createAgent, modelFallbackMiddleware, modelRetryMiddleware, summarizationMiddleware, toolRetryMiddleware } from 'langchain';
import { createGuard, findHaltError, HaltError, type Guard } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { classicExecutor, hear, messagesGraph, question, searching, searchingModel, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

const input = { input: 'Will it rain?' };
/** Runaways: they search for ever. */
const runaway = (): ScriptedChatModel => new ScriptedChatModel(searching(1_000));

/** Agents of different kinds, seen alike. */
const seen = (agent: unknown): Agent => agent as Agent;

interface Agent {
  invoke(input: unknown, config?: object): Promise<unknown>;
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
  streamEvents(input: unknown, config: object): AsyncIterable<unknown>;
  batch?(inputs: unknown[], config?: object, options?: object): Promise<unknown[]>;
  pipe?(next: unknown): Agent;
  withRetry?(options: object): Agent;
  withConfig?(config: object): Agent;
}

const hosts: Record<string, (model: ScriptedChatModel) => { agent: Agent; input: unknown }> = {
  createAgent: (model) => ({ agent: seen(createAgent({ model, tools: [searchTool()] })), input: question }),
  StateGraph: (model) => ({ agent: seen(messagesGraph(model, [searchTool()])), input: question }),
  AgentExecutor: (model) => ({ agent: seen(classicExecutor(model, [searchTool()])), input }),
  'a sequence': (model) => ({
    agent: seen(RunnableLambda.from((asked: object) => asked).pipe(messagesGraph(model, [searchTool()]) as never)),
    input: question,
  }),
};

const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const _piece of stream);
};

const ways: Record<string, (agent: Agent, asked: unknown) => Promise<unknown>> = {
  invoke: (agent, asked) => agent.invoke(asked),
  stream: async (agent, asked) => drain(await agent.stream(asked)),
  'streamEvents v1': (agent, asked) => drain(agent.streamEvents(asked, { version: 'v1' })),
  'streamEvents v2': (agent, asked) => drain(agent.streamEvents(asked, { version: 'v2' })),
  batch: async (agent, asked) => agent.batch?.([asked]),
  pipe: async (agent, asked) => agent.pipe?.(RunnableLambda.from((output: unknown) => output)).invoke(asked),
  'pipe, streamed': async (agent, asked) => {
    const piped = agent.pipe?.(RunnableLambda.from((output: unknown) => output));
    if (piped) await drain(await piped.stream(asked));
  },
  withRetry: async (agent, asked) => agent.withRetry?.({ stopAfterAttempt: 3 }).invoke(asked),
  withConfig: async (agent, asked) => agent.withConfig?.({ tags: ['tagged'] }).invoke(asked),
};

/** What `createAgent` gives is no Runnable. */
const has = (agent: Agent, way: string): boolean =>
  way.includes('stream') && !way.includes('pipe') ? true : (way.split(',')[0] ?? '') in agent;
const cases = Object.keys(hosts).flatMap((host) => Object.keys(ways).map((way) => ({ host, way })));

describe('a guarded agent is stopped with the very error of its run', () => {
  it.each(cases)('$host, by $way', async ({ host, way }) => {
    const guard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    const heard = hear(guard);
    const model = runaway();
    const { agent, input: asked } = hosts[host]?.(model) ?? {};
    const guarded = guardAgent(agent as Agent, guard);
    if (!has(guarded, way)) return;
    const error: unknown = await ways[way]?.(guarded, asked).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HaltError);
    expect(error).toBe(guard.lastHalt());
    expect(model.calls).toHaveLength(2);
    expect(heard.halts).toEqual(['budget']);
    expect(heard.reports).toMatchObject([
      { used: { modelCalls: 2 }, halt: { denial: { scope: 'run', dimension: 'modelCalls', limit: 2 } } },
    ]);
  });

  it.each(['createAgent', 'StateGraph'])('%s, through LangGraph’s third event protocol', async (host) => {
    const guard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    const heard = hear(guard);
    const model = runaway();
    const agent = guardAgent(hosts[host]?.(model).agent as Agent, guard);
    const run = await (agent.streamEvents(question, { version: 'v3' }) as unknown as Promise<{ output: Promise<unknown> }>);
    const error: unknown = await Promise.resolve(run.output).catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(model.calls).toHaveLength(2);
    await expect.poll(() => heard.reports.length).toBe(1);
  });

  it('in a batch, each by itself', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 3 } } });
    const model = new ScriptedChatModel((turn, messages) =>
      messages[0]?.text === 'long' ? searching(1_000)(turn, [], 0) : { text: 'Short.' },
    );
    const graph = guardAgent(messagesGraph(model, [searchTool()]), guard);
    const ask = (content: string): { messages: { role: 'user'; content: string }[] } => ({ messages: [{ role: 'user', content }] });
    const [first, second] = await graph.batch([ask('long'), ask('short')], {}, { returnExceptions: true });
    expect(first).toBe(guard.lastHalt());
    expect(second).toMatchObject({ messages: [{}, { content: 'Short.' }] });
  });
});

describe('what catches everything in a host does not catch a halt', () => {
  const catchAlls: Record<string, (model: BaseChatModel, spare: BaseChatModel) => unknown> = {
    modelRetryMiddleware: (model) =>
      createAgent({
        model,
        tools: [searchTool()],
        middleware: [modelRetryMiddleware({ initialDelayMs: 1, onFailure: 'continue' })] as never,
      }),
    modelFallbackMiddleware: (model, spare) =>
      createAgent({ model, tools: [searchTool()], middleware: [modelFallbackMiddleware(spare)] as never }),
    toolRetryMiddleware: (model) =>
      createAgent({ model, tools: [searchTool()], middleware: [toolRetryMiddleware({ initialDelayMs: 1 })] as never }),
    summarizationMiddleware: (model, spare) =>
      createAgent({
        model,
        tools: [searchTool()],
        middleware: [summarizationMiddleware({ model: spare, trigger: { messages: 4 }, keep: { messages: 2 } } as never)] as never,
      }),
    'a node’s retryPolicy': (model) =>
      new StateGraph(MessagesAnnotation)
        .addNode('agent', async ({ messages }) => ({ messages: [await model.invoke(messages)] }), {
          retryPolicy: { maxAttempts: 3, initialInterval: 1 },
        })
        .addEdge('__start__', 'agent')
        .addConditionalEdges('agent', () => 'agent')
        .compile(),
    'withRetry on the model': (model) =>
      RunnableLambda.from(async () => {
        for (;;) await model.withRetry({ stopAfterAttempt: 2 }).invoke('Rain?');
      }),
    'withFallbacks on the model': (model, spare) =>
      RunnableLambda.from(async () => {
        for (;;) await model.withFallbacks([spare]).invoke('Rain?');
      }),
    'a catch of one’s own': (model) =>
      RunnableLambda.from(async () => {
        for (let turn = 0; turn < 10; turn += 1) await model.invoke('Rain?').catch(() => {});
        return 'all is well';
      }),
  };

  it.each(Object.keys(catchAlls))('%s', async (name) => {
    const guard = createGuard({ budgets: { run: { modelCalls: 3 } }, loops: 'off' });
    const [model, spare] = [runaway(), new ScriptedChatModel(() => ({ text: 'A summary.' }))];
    const agent = guardAgent(seen(catchAlls[name]?.(model, spare)), guard);
    const error: unknown = await agent.invoke(question).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBe(guard.lastHalt());
    expect(error).toBeInstanceOf(HaltError);
    expect(model.calls.length + spare.calls.length).toBe(3);
  });

  it.each(Object.keys(catchAlls))('%s around a callback handler: no further call starts, and the halt is found', async (name) => {
    const guard = createGuard({ budgets: { run: { modelCalls: 3 } }, loops: 'off' });
    const [model, spare] = [runaway(), new ScriptedChatModel(() => ({ text: 'A summary.' }))];
    const config = { callbacks: [new GuardCallbackHandler(guard)], metadata: { session_id: 'thread 7' }, recursionLimit: 60 };
    await seen(catchAlls[name]?.(model, spare))
      .invoke(question, config)
      .catch(() => {});
    expect(model.calls.length + spare.calls.length).toBe(3);
    expect(guard.lastHalt(config)?.halt.denial).toMatchObject({ dimension: 'modelCalls', limit: 3 });
    expect(guard.lastHalt({ metadata: { session_id: 'another' } })).toBeUndefined();
  });
});

describe('the other causes', () => {
  it('a loop is stopped with its verdict', async () => {
    const guard = createGuard();
    const model = new ScriptedChatModel(() => ({ calls: [{ name: 'search', args: { query: 'rain' } }] }));
    const agent = guardAgent(createAgent({ model, tools: [searchTool()] }), guard);
    const error = await agent.invoke(question, { recursionLimit: 200 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'loop_detected', halt: { cause: 'loop', verdict: { kind: 'repeat', period: 1 } } });
    expect(model.calls.length).toBeLessThan(20);
  });

  it('a person, from inside a tool', async () => {
    const guard = createGuard();
    const stop = searchTool(() => {
      guard.current()?.run.halt('enough');
      return 'found';
    });
    const model = runaway();
    await expect(guardAgent(createAgent({ model, tools: [stop] }), guard).invoke(question)).rejects.toMatchObject({
      code: 'halted_by_person',
    });
    expect(model.calls).toHaveLength(1);
  });

  it('the run’s duration cuts a call that hangs', async () => {
    const guard = createGuard({ budgets: { run: { duration: '50ms' } } });
    const hangs = searchTool(() => new Promise(() => {}));
    for (const agent of [createAgent({ model: runaway(), tools: [hangs] }), messagesGraph(runaway(), [hangs])].map(seen)) {
      await expect(guardAgent(agent, guard).invoke(question)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    }
  });

  it('a budget of the session holds over runs, and of the feature for its own calls alone', async () => {
    const guard = createGuard({ budgets: { session: { modelCalls: 4 }, feature: { modelCalls: 5 } } });
    const agent = guardAgent(createAgent({ model: searchingModel(), tools: [searchTool()] }), guard);
    const config = (thread: string, feature: string): object => ({ configurable: { thread_id: thread, feature } });
    await agent.invoke(question, config('one', 'weather'));
    await expect(agent.invoke(question, config('one', 'news'))).rejects.toMatchObject({
      halt: { denial: { scope: 'session', id: 'one' } },
    });
    await expect(agent.invoke(question, config('two', 'weather'))).rejects.toMatchObject({
      halt: { denial: { scope: 'feature', id: 'weather' } },
    });
  });

  it('the caller’s own abort stays the caller’s', async () => {
    const controller = new AbortController();
    const reason = new Error('the user left');
    const leaves = searchTool(() => {
      controller.abort(reason);
      return 'found';
    });
    for (const agent of [createAgent({ model: runaway(), tools: [leaves] }), messagesGraph(runaway(), [leaves])].map(seen)) {
      const guard = createGuard();
      const heard = hear(guard);
      await expect(guardAgent(agent, guard).invoke(question, { signal: controller.signal })).rejects.toBe(reason);
      expect(heard.halts).toEqual([]);
      expect(heard.reports).toHaveLength(1);
    }
  });
});

it('an agent that ends well as its halt comes keeps its answer', async () => {
  const guard = createGuard();
  const heard = hear(guard);
  // As a verdict on the last step would: the answer is there, and nothing is left to be refused.
  guard.on('step:end', () => void guard.current()?.run.halt('too late'));
  const model = new ScriptedChatModel(() => ({ text: 'It will rain.' }));
  const output = await guardAgent(createAgent({ model, tools: [searchTool()] }), guard).invoke(question);
  expect(heard.halts).toEqual(['person']);
  expect(output.messages.at(-1)?.text).toBe('It will rain.');
});

it('an answer that a host gives in place of a call that the halt has cut does not hide the halt', async () => {
  const guard: Guard = createGuard();
  const model = new ScriptedChatModel(() => {
    guard.current()?.run.halt('enough');
    throw new Error('the line is dead');
  });
  // One that knows of no signal.
  class Forgiving extends Runnable<object, unknown> {
    lc_namespace = ['test'];
    async invoke(_asked: object, { callbacks }: RunnableConfig = {}): Promise<unknown> {
      return model.invoke('Rain?', callbacks ? { callbacks } : {}).catch(() => 'Sorry.');
    }
  }
  const error = await guardAgent(new Forgiving(), guard)
    .invoke({})
    .catch((thrown: unknown) => thrown);
  expect(error).toBe(guard.lastHalt());
});

describe('without a wrapper', () => {
  it('the middleware throws the error inside LangChain’s own, once, and leaves no call without a result', async () => {
    const guard = createGuard({ budgets: { run: { steps: 4 } } });
    const error = await createAgent({ model: runaway(), tools: [searchTool()], middleware: [guardMiddleware(guard)] })
      .invoke(question)
      .catch((thrown: unknown) => thrown);
    expect(findHaltError(error)).toBe(guard.lastHalt());
    expect(error).not.toBeInstanceOf(AggregateError);
  });

  it('the middleware cuts the model call that is under way, whether the halt or the host’s own signal says so', async () => {
    const guard = createGuard();
    const given: AbortSignal[] = [];
    class Waiting extends ScriptedChatModel {
      override _generate(...[, options]: Parameters<ScriptedChatModel['_generate']>): ReturnType<ScriptedChatModel['_generate']> {
        const { signal } = options as { signal: AbortSignal };
        given.push(signal);
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
          act();
        });
      }
    }
    const agent = createAgent({ model: new Waiting(searching(1)), tools: [searchTool()], middleware: [guardMiddleware(guard)] });
    let act = (): void => void guard.current()?.run.halt('enough');
    const halted: unknown = await agent.invoke(question, { signal: new AbortController().signal }).catch((thrown: unknown) => thrown);
    expect(findHaltError(halted)).toBe(guard.lastHalt());
    expect(given[0]?.reason).toBe(guard.lastHalt());
    const host = new AbortController();
    act = () => host.abort(new Error('the page was left'));
    await expect(agent.invoke(question, { signal: host.signal })).rejects.toThrow();
    expect(given[1]?.aborted).toBe(true);
  });

  it('guard.run gives the error, and passing its signal on cuts what is under way', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 2 } } });
    const model = runaway();
    const agent = createAgent({ model, tools: [searchTool()], middleware: [guardMiddleware(guard)] });
    const error = await guard.run((run) => agent.invoke(question, { signal: run.signal })).catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(guard.lastHalt()?.report).toMatchObject({ used: { modelCalls: 2 } });
    expect(model.calls).toHaveLength(2);
  });

  it('a guarded model throws the error, and a run’s own limit tightens the guard’s', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 5 } } });
    const model = guardModel(runaway(), guard);
    const loops = async (): Promise<void> => {
      for (;;) await model.invoke('Rain?');
    };
    const error = await guard.run({ budgets: { run: { modelCalls: 2 } } }, loops).catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(error).toMatchObject({ halt: { denial: { limit: 2 } } });
  });
});
