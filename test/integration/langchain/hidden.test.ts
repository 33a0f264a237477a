import { FakeEmbeddings } from '@langchain/core/utils/testing';
import { createAgent } from 'langchain';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { hear, messagesGraph, question, searchingModel, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

// Each test is a row of the table "What a host hides" in docs/langchain.md.

silenceHandlerErrors();

type AnyGuard = Guard<never, unknown>;
const handled = (guard: AnyGuard): { callbacks: GuardCallbackHandler[] } => ({ callbacks: [new GuardCallbackHandler(guard)] });
const usedBy = async (act: (guard: AnyGuard) => Promise<unknown>): Promise<{ modelCalls: number; toolCalls: number }> => {
  const guard: AnyGuard = createGuard();
  const heard = hear(guard);
  await act(guard);
  await guard.close();
  const total = { modelCalls: 0, toolCalls: 0 };
  for (const { parentId, used } of heard.reports) {
    if (parentId !== undefined) continue;
    total.modelCalls += used.modelCalls;
    total.toolCalls += used.toolCalls;
  }
  return total;
};

describe('calls of unknown tools, and calls whose arguments do not fit', () => {
  const clumsy = (): ScriptedChatModel =>
    new ScriptedChatModel((turn) =>
      turn === 0 ? { calls: [{ name: 'search', args: { wrong: 1 } }, { name: 'missing' }] } : { text: 'Sorry.' },
    );
  const make = (middleware: ReturnType<typeof guardMiddleware>[] = []) =>
    createAgent({ model: clumsy(), tools: [searchTool()], middleware });

  it('are hidden from a callback handler', async () => {
    expect(await usedBy((guard) => make().invoke(question, handled(guard)))).toEqual({ modelCalls: 2, toolCalls: 0 });
  });

  it('are seen by the middleware, and so by guardAgent around createAgent', async () => {
    expect(await usedBy((guard) => make([guardMiddleware(guard)]).invoke(question))).toEqual({ modelCalls: 2, toolCalls: 2 });
    expect(await usedBy((guard) => guardAgent(make(), guard).invoke(question))).toEqual({ modelCalls: 2, toolCalls: 2 });
  });
});

describe('a sub-agent that is given callbacks of its own', () => {
  const delegating = (inner: (input: unknown, config: object) => Promise<unknown>) =>
    createAgent({ model: searchingModel(1), tools: [searchTool(async () => (await inner(question, { callbacks: [] }), 'done'))] });
  const plain = () => messagesGraph(searchingModel(1), [searchTool()]);

  it('is hidden from a handler outside', async () => {
    const invoke = (input: unknown, config: object): Promise<unknown> =>
      plain().invoke(input as never, { ...config, callbacks: [new (class extends GuardCallbackHandler {})(createGuard())] });
    expect(await usedBy((guard) => delegating(invoke).invoke(question, handled(guard)))).toEqual({ modelCalls: 2, toolCalls: 2 });
  });

  it('is seen when it is guarded itself, as a run inside its caller’s', async () => {
    const seen = await usedBy((guard) => {
      const inner = guardAgent(plain(), guard);
      return guardAgent(
        delegating((input) => inner.invoke(input as never, { callbacks: [] })),
        guard,
      ).invoke(question);
    });
    expect(seen).toEqual({ modelCalls: 2 + 2 * 2, toolCalls: 2 + 2 * 2 });
  });
});

describe('a model’s newer event stream', () => {
  const read = async (model: ScriptedChatModel, config: object): Promise<void> => {
    for await (const _event of model.streamEvents('Rain?', { ...config, version: 'v3' } as never));
  };
  const model = (): ScriptedChatModel => new ScriptedChatModel(() => ({ text: 'Rain.' }));

  it('is hidden from callbacks', async () => {
    expect(await usedBy((guard) => read(model(), handled(guard)))).toEqual({ modelCalls: 0, toolCalls: 0 });
  });

  it('is seen by a guarded model', async () => {
    expect(await usedBy((guard) => read(guardModel(model(), guard), {}))).toEqual({ modelCalls: 1, toolCalls: 0 });
  });
});

describe('embeddings, and whatever else has no event', () => {
  const embeddings = new FakeEmbeddings();

  it('are hidden', async () => {
    expect(await usedBy((guard) => guard.run(() => embeddings.embedQuery('rain')))).toEqual({ modelCalls: 0, toolCalls: 0 });
  });

  it('are seen as a step of one’s own', async () => {
    const embed = (guard: AnyGuard): Promise<unknown> =>
      guard.run((run) =>
        run.step({ kind: 'model', model: 'text-embedding-3-small', input: 'rain', maxOutputTokens: 1 }, async () => ({
          output: await embeddings.embedQuery('rain'),
        })),
      );
    expect(await usedBy(embed)).toEqual({ modelCalls: 1, toolCalls: 0 });
  });
});
