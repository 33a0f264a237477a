import { MemorySaver } from '@langchain/langgraph';
import { createAgent, createMiddleware, toolStrategy, type AgentMiddleware } from 'langchain';
import { createGuard, findHaltError } from 'holdfast';
import { guardAgent, guardMiddleware } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hear, question, searchingModel, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

interface Agent {
  invoke(input: unknown, config?: object): Promise<unknown>;
}
const seen = (agent: unknown): Agent => agent as Agent;

it('costs no step of the graph: as many model calls fit under a recursion limit as without it', async () => {
  const guard = createGuard({ loops: 'off' });
  const reached = async (middleware: AgentMiddleware[], wrap = (agent: Agent): Agent => agent): Promise<number> => {
    const model = searchingModel(1_000);
    await wrap(seen(createAgent({ model, tools: [searchTool()], middleware })))
      .invoke(question, { recursionLimit: 25 })
      .catch(() => {});
    return model.calls.length;
  };
  const without = await reached([]);
  expect(without).toBe(13);
  expect(await reached([guardMiddleware(guard)])).toBe(without);
  expect(await reached([], (agent) => guardAgent(agent, guard))).toBe(without);
});

describe('scope ids', () => {
  const scopesOf = async (options: object, config: object): Promise<unknown> => {
    const guard = createGuard();
    const heard = hear(guard);
    const agent = createAgent({
      model: searchingModel(1),
      tools: [searchTool()],
      contextSchema: z.object({ user_id: z.string().optional() }),
      middleware: [guardMiddleware(guard, options)],
    });
    await seen(agent).invoke(question, config);
    await guard.close();
    return heard.reports[0]?.scopes;
  };

  it('come from configurable, context and metadata', async () => {
    const config = {
      configurable: { session_id: 's1', thread_id: 't1' },
      context: { user_id: 'u1' },
      metadata: { tenant_id: 'acme', user_id: 'u2' },
    };
    expect(await scopesOf({}, config)).toEqual({ session: 's1', user: 'u1', tenant: 'acme' });
  });

  it('come from the user’s own function first', async () => {
    const scopes = (config: { configurable: Record<string, unknown> }): object => ({ user: config.configurable['account'] });
    expect(await scopesOf({ scopes }, { configurable: { account: 'a1' }, context: { user_id: 'u1' } })).toEqual({ user: 'a1' });
  });
});

describe('runs', () => {
  it('each invocation is a run of its own, also at the same time', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const agent = createAgent({ model: searchingModel(), tools: [searchTool()], middleware: [guardMiddleware(guard)] });
    await Promise.all(Array.from({ length: 5 }, () => agent.invoke(question)));
    await agent.invoke(question);
    await guard.close();
    expect(heard.reports.map(({ used }) => [used.modelCalls, used.toolCalls])).toEqual(Array.from({ length: 6 }, () => [3, 4]));
  });

  it('end a moment after the answer, without anybody ending them', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    await createAgent({ model: searchingModel(1), tools: [searchTool()], middleware: [guardMiddleware(guard)] }).invoke(question);
    await expect.poll(() => heard.reports.length, { timeout: 5_000 }).toBe(1);
  });

  it('go on when another middleware sends the agent back to its model', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 4 } }, loops: 'off' });
    const again = createMiddleware({
      name: 'Again',
      afterModel: { hook: () => ({ jumpTo: 'model' as const }), canJumpTo: ['model'] },
      beforeModel: () => {},
    });
    const model = new ScriptedChatModel(() => ({ text: 'Rain.', calls: [{ name: 'search', args: { query: 'x' } }] }));
    const error = await createAgent({ model, tools: [searchTool()], middleware: [guardMiddleware(guard), again] })
      .invoke(question, { recursionLimit: 100 })
      .catch((thrown: unknown) => thrown);
    expect(findHaltError(error)?.halt.denial).toMatchObject({ dimension: 'modelCalls', limit: 4 });
    expect(model.calls).toHaveLength(4);
  });

  it.each([false, true])(
    'a sub-agent is a run inside its caller’s and draws on its budget (config passed on: %s)',
    async (passesConfig) => {
      const guard = createGuard({ budgets: { run: { modelCalls: 6 } }, loops: 'off' });
      const heard = hear(guard);
      const inner = createAgent({
        model: searchingModel(1_000),
        tools: [searchTool()],
        name: 'inner',
        middleware: [guardMiddleware(guard, { agent: 'inner' })],
      });
      const ask = searchTool();
      const delegating = Object.assign(searchTool(), {
        func: async (_input: unknown, _manager: unknown, config: object) => (
          await seen(inner).invoke(question, passesConfig ? config : undefined),
          'done'
        ),
      });
      expect(ask.name).toBe(delegating.name);
      const outer = createAgent({
        model: searchingModel(1),
        tools: [delegating],
        middleware: [guardMiddleware(guard, { agent: 'outer' })],
      });
      const error = await outer.invoke(question, { recursionLimit: 100 }).catch((thrown: unknown) => thrown);
      await guard.close();
      expect(findHaltError(error)?.halt.denial).toMatchObject({ dimension: 'modelCalls', limit: 6 });
      const outermost = heard.reports.find(({ agent }) => agent === 'outer');
      expect(outermost?.used.modelCalls).toBe(6);
      expect(heard.reports.filter(({ parentId }) => parentId === outermost?.runId).length).toBeGreaterThanOrEqual(1);
    },
  );
});

describe('beside other middleware', () => {
  it('two guards fit in one agent; the same guard twice is LangChain’s own error', () => {
    const [first, second] = [createGuard(), createGuard()];
    const make = (...guards: (typeof first)[]): unknown =>
      createAgent({ model: searchingModel(), tools: [], middleware: guards.map((guard) => guardMiddleware(guard)) });
    expect(() => make(first, second)).not.toThrow();
    expect(() => make(first, first)).toThrow('defined multiple times');
  });

  it('guardAgent adds no second one where the guard’s middleware is there already', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const inner = createAgent({ model: searchingModel(), tools: [searchTool()], middleware: [guardMiddleware(guard)] });
    await guardAgent(inner, guard).invoke(question);
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 3, toolCalls: 4 } }]);
  });

  it('keeps what was bound to the agent, and what was set on it later', async () => {
    const checkpointer = new MemorySaver();
    const bound = createAgent({ model: searchingModel(1), tools: [searchTool()] }).withConfig({
      configurable: { thread_id: 'bound', user_id: 'u1' },
    });
    bound.checkpointer = checkpointer;
    const guard = createGuard();
    const heard = hear(guard);
    const agent = guardAgent(bound, guard);
    await agent.invoke(question);
    expect(await checkpointer.getTuple({ configurable: { thread_id: 'bound' } })).toBeDefined();
    await agent.withConfig({ tags: ['tagged'] }).invoke(question);
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 2 } }, { used: { modelCalls: 2 } }]);
  });

  it('a tool’s error is told to the model, or fails the run where it is asked to', async () => {
    const guard = createGuard();
    const failing = searchTool(() => {
      throw new Error('no such place');
    });
    const plain = await createAgent({ model: searchingModel(1), tools: [failing] }).invoke(question);
    const make = (toolErrors: 'message' | 'throw'): Agent =>
      seen(createAgent({ model: searchingModel(1), tools: [failing], middleware: [guardMiddleware(guard, { toolErrors })] }));
    const output = (await make('message').invoke(question)) as typeof plain;
    expect(output.messages.map(({ text }) => text)).toEqual(plain.messages.map(({ text }) => text));
    await expect(make('throw').invoke(question)).rejects.toThrow();
    await guard.close();
  });

  it('a structured response comes out as without a guard', async () => {
    const responseFormat = toolStrategy(z.object({ rain: z.boolean() }));
    const name = responseFormat[0]?.name ?? '';
    const make = (middleware: AgentMiddleware[]): Agent =>
      seen(
        createAgent({
          model: new ScriptedChatModel((turn) => (turn === 0 ? { calls: [{ name, args: { rain: true } }] } : { text: 'Done.' })),
          tools: [searchTool()],
          responseFormat,
          middleware,
        }),
      );
    const outcome = (agent: Agent): Promise<unknown> =>
      agent.invoke(question).then(
        (output) => (output as { structuredResponse: unknown }).structuredResponse,
        (error: unknown) => (error as Error).message,
      );
    const guard = createGuard();
    expect(await outcome(make([]))).toEqual({ rain: true });
    expect(await outcome(make([guardMiddleware(guard)]))).toEqual({ rain: true });
    await guard.close();
  });
});
