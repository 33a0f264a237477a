import { CallbackManager } from '@langchain/core/callbacks/manager';
import { RunnableLambda } from '@langchain/core/runnables';
import { LLM } from '@langchain/core/language_models/llms';
import { createAgent } from 'langchain';
import { createGuard } from 'holdfast';
import { GuardCallbackHandler } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { classicExecutor, hear, question, searching, searchingModel, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

it('asks LangChain to raise and to wait, and is never copied', () => {
  const handler = new GuardCallbackHandler(createGuard());
  expect(handler).toMatchObject({ raiseError: true, awaitHandlers: true });
  expect(handler.copy()).toBe(handler);
});

describe('scope ids', () => {
  it('come from the metadata, the thread among it; the handler’s own win', async () => {
    const guard = createGuard({ budgets: { session: { steps: 100 }, user: { steps: 100 }, project: { steps: 100 } } });
    const heard = hear(guard);
    const agent = createAgent({ model: searchingModel(), tools: [searchTool()] });
    const handler = new GuardCallbackHandler(guard, { scopes: { feature: 'weather' } });
    await agent.invoke(question, {
      callbacks: [handler],
      configurable: { thread_id: 't1' },
      metadata: { user_id: 'u1', tenant_id: 'acme', project: 'p1', feature: 'news' },
    });
    expect(heard.reports[0]?.scopes).toEqual({ session: 't1', user: 'u1', tenant: 'acme', project: 'p1', feature: 'weather' });
  });

  it('come from the run around it, whatever the metadata says', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const agent = createAgent({ model: searchingModel(), tools: [searchTool()] });
    await guard.run({ scopes: { user: 'u1' } }, () =>
      agent.invoke(question, { callbacks: [new GuardCallbackHandler(guard)], metadata: { user_id: 'u2' } }),
    );
    expect(heard.reports).toMatchObject([{ scopes: { user: 'u1' }, used: { modelCalls: 3 } }]);
  });

  it('that are required and missing are an error of the call', async () => {
    const guard = createGuard({ budgets: { user: { steps: 100 } }, requireScopes: ['user'] });
    const model = searchingModel();
    const agent = createAgent({ model, tools: [searchTool()] });
    await expect(agent.invoke(question, { callbacks: [new GuardCallbackHandler(guard)] })).rejects.toMatchObject({
      code: 'invalid_option',
    });
    expect(model.calls).toEqual([]);
  });

  it('a run’s own budgets tighten the guard’s', async () => {
    const guard = createGuard({ budgets: { run: { modelCalls: 50 } } });
    const model = searchingModel(10);
    const handler = new GuardCallbackHandler(guard, { budgets: { run: { modelCalls: 2 } } });
    await createAgent({ model, tools: [searchTool()] })
      .invoke(question, { callbacks: [handler] })
      .catch(() => {});
    expect(model.calls).toHaveLength(2);
  });
});

describe('runs', () => {
  it('a root is what has no known parent, also where a tracer outside is its parent', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const manager = new CallbackManager('0190a1b2-0000-7000-8000-000000000000');
    manager.addHandler(new GuardCallbackHandler(guard), true);
    const agent = createAgent({ model: searchingModel(), tools: [searchTool()] });
    await agent.invoke(question, { callbacks: manager });
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 3, toolCalls: 4 } }]);
  });

  it('a sub-agent in a tool belongs to the run of its caller', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const inner = createAgent({ model: searchingModel(1), tools: [searchTool()] });
    const outer = createAgent({
      model: searchingModel(1),
      tools: [searchTool(async () => (await inner.invoke(question)).messages.at(-1)?.text ?? '')],
    });
    await outer.invoke(question, { callbacks: [new GuardCallbackHandler(guard)] });
    // Two calls of the outer model, and two searches that each ask an agent which calls its model and its tools twice.
    expect(heard.reports).toMatchObject([{ used: { modelCalls: 2 + 2 * 2, toolCalls: 2 + 2 * 2 } }]);
  });

  it('a model that is called by itself is a run, a batch is one for each', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const model = new ScriptedChatModel(() => ({ text: 'Rain.' }));
    await model.invoke('Rain?', { callbacks: [new GuardCallbackHandler(guard)] });
    await model.batch(['Rain?', 'Snow?'], { callbacks: [new GuardCallbackHandler(guard)] });
    await model.generate([['Rain?'], ['Snow?']], { callbacks: [new GuardCallbackHandler(guard)] });
    expect(heard.reports.map(({ used }) => used.modelCalls)).toEqual([1, 1, 1, 1, 1]);
  });

  it('a model that takes a text is metered too', async () => {
    const guard = createGuard({ budgets: { run: { tokens: 10_000 } } });
    const heard = hear(guard);
    class TextModel extends LLM {
      _llmType(): string {
        return 'text';
      }

      async _call(): Promise<string> {
        return 'Rain.';
      }
    }
    await new TextModel({}).invoke('Will it rain?', { callbacks: [new GuardCallbackHandler(guard)] });
    expect(heard.steps).toMatchObject([{ kind: 'model', isEstimated: true }]);
    expect(heard.steps[0]?.expected.inputTokens).toBeGreaterThan(3);
  });

  it('that fail end, with what failed in them', async () => {
    const guard = createGuard();
    const heard = hear(guard);
    const model = new ScriptedChatModel(() => ({ error: new Error('no answer today') }));
    const config = { callbacks: [new GuardCallbackHandler(guard)] };
    await expect(createAgent({ model, tools: [searchTool()] }).invoke(question, config)).rejects.toThrow('no answer today');
    await expect(RunnableLambda.from(() => Promise.reject(new Error('lost'))).invoke('', config)).rejects.toThrow('lost');
    expect(heard.reports).toHaveLength(2);
    expect(heard.steps).toMatchObject([{ outcome: 'error' }]);
  });
});

describe('refusals', () => {
  it('of some of a model’s parallel tools let the others run, and the next model call is refused', async () => {
    const guard = createGuard({ budgets: { run: { toolCalls: 1 } } });
    const ran: string[] = [];
    const search = searchTool((query) => {
      ran.push(query);
      return 'found';
    });
    const model = searchingModel(10);
    const agent = createAgent({ model, tools: [search] });
    const error = await agent.invoke(question, { callbacks: [new GuardCallbackHandler(guard)] }).catch((thrown: unknown) => thrown);
    expect(error).toBe(guard.lastHalt());
    expect(ran).toEqual(['0a']);
    expect(model.calls).toHaveLength(1);
  });

  it('reach a classic executor before its tools', async () => {
    const guard = createGuard();
    const ran: string[] = [];
    const model = new ScriptedChatModel((turn, messages) => {
      guard.current()?.run.halt('enough');
      return searching(10)(turn, [...messages], 0);
    });
    const search = searchTool((query) => {
      ran.push(query);
      return 'found';
    });
    const config = { callbacks: [new GuardCallbackHandler(guard)] };
    await expect(guard.run(() => classicExecutor(model, [search]).invoke({ input: 'Rain?' }, config))).rejects.toMatchObject({
      code: 'halted_by_person',
    });
    expect(ran).toEqual([]);
  });

  it('leave no hold behind', async () => {
    const guard = createGuard({ budgets: { session: { modelCalls: 3, tokens: 100_000 } } });
    const agent = createAgent({ model: searchingModel(10), tools: [searchTool()] });
    await agent.invoke(question, { callbacks: [new GuardCallbackHandler(guard)], metadata: { session_id: 's' } }).catch(() => {});
    const reading = await guard.read('session', 's');
    expect(reading).toMatchObject({ held: { modelCalls: 0, tokens: 0 }, used: { modelCalls: 3 } });
  });
});
