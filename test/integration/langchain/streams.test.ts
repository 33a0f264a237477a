import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { createGuard, type Guard } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hear, messagesGraph, question, searchTool } from './support/agents.ts';
import { silenceHandlerErrors } from './support/quiet.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

silenceHandlerErrors();

/** About 2,000 tokens. */
const novel = Array.from({ length: 2_000 }, (_, place) => `word${place % 7}`).join(' ');

let server: OpenAIServer;
beforeEach(async () => {
  server = await startOpenAIServer({ script: () => ({ text: novel, pieceDelayMs: 1 }) });
});
afterEach(() => server.close());

const model = (): ChatOpenAI =>
  new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url } });
/** A model that no cap can be sent to. */
const uncapped = (): ScriptedChatModel => new ScriptedChatModel(() => ({ text: novel }));

type AnyGuard = Guard<never, unknown>;
interface Streaming {
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
}
const seen = (agent: unknown): Streaming => agent as Streaming;
const count = async (stream: AsyncIterable<unknown>, most = Number.POSITIVE_INFINITY): Promise<number> => {
  let pieces = 0;
  for await (const _piece of stream) {
    pieces += 1;
    if (pieces >= most) break;
  }
  return pieces;
};
const limited = (): AnyGuard => createGuard({ budgets: { run: { outputTokens: 300 } }, loops: 'off' });
const streamed = { streamMode: 'messages' };

describe('a stream is cut when its hold is used up and the budget has no more', () => {
  const doors: Record<string, (guard: AnyGuard) => Streaming> = {
    'guardAgent around a graph': (guard) => guardAgent(seen(messagesGraph(model(), [searchTool()])), guard),
    'GuardCallbackHandler on a graph': (guard) => {
      const graph = seen(messagesGraph(model(), [searchTool()]));
      return { stream: (input, config) => graph.stream(input, { ...config, callbacks: [new GuardCallbackHandler(guard)] }) };
    },
    'guardAgent around a model': (guard) => guardAgent(seen(model()), guard),
  };

  it.each(Object.entries(doors))('%s: the connection is closed and what came is booked', async (door, make) => {
    const guard = limited();
    const heard = hear(guard);
    const input = door.includes('model') ? 'Tell me a story.' : question;
    await expect(make(guard).stream(input, streamed).then(count)).rejects.toMatchObject({
      halt: { denial: { dimension: 'outputTokens', limit: 300 } },
    });
    await guard.close();
    expect(heard.steps).toMatchObject([{ outcome: 'error' }]);
    expect(heard.steps[0]?.used.outputTokens).toBeGreaterThanOrEqual(300);
    expect(heard.steps[0]?.used.outputTokens).toBeLessThan(400);
    await expect.poll(() => server.requests[0]?.aborted).toBe(true);
  });

  it('where a cap can be sent the provider itself ends at it, and nothing is cut', async () => {
    const guard = limited();
    const heard = hear(guard);
    await count(await guardAgent(seen(createAgent({ model: model(), tools: [searchTool()] })), guard).stream(question, streamed));
    expect(server.requests[0]).toMatchObject({ maxOutputTokens: 300, aborted: false });
    expect(heard.reports).toMatchObject([{ used: { outputTokens: 300 }, halt: undefined }]);
  });

  it.each(['guardMiddleware', 'guardAgent', 'guardModel'])('%s cuts a model that takes no cap', async (door) => {
    const guard = limited();
    const heard = hear(guard);
    const agents: Record<string, () => Streaming> = {
      guardMiddleware: () => seen(createAgent({ model: uncapped(), tools: [searchTool()], middleware: [guardMiddleware(guard)] })),
      guardAgent: () => guardAgent(seen(createAgent({ model: uncapped(), tools: [searchTool()] })), guard),
      guardModel: () => seen(guardModel(uncapped(), guard)),
    };
    await expect(
      agents[door]?.()
        .stream(door === 'guardModel' ? 'A story.' : question, streamed)
        .then(count),
    ).rejects.toThrow('outputTokens');
    await guard.close();
    expect(heard.steps[0]?.used.outputTokens).toBeLessThan(400);
  });

  it('a guarded model sees the newer event protocol, which tells no callback of anything', async () => {
    const guard = createGuard({ budgets: { run: { tokens: 100_000 } } });
    const heard = hear(guard);
    const short = new ScriptedChatModel(() => ({ text: 'It will rain.' }));
    await count(guardModel(short, guard).streamEvents('Rain?', { version: 'v3' } as never));
    expect(heard.steps).toMatchObject([{ outcome: 'ok', used: { tokens: 15 } }]);
    const cut = limited();
    await expect(
      count(guardModel(uncapped(), cut).streamEvents('A story.', { version: 'v3' } as never) as unknown as AsyncIterable<unknown>),
    ).rejects.toThrow('outputTokens');
  });
});

describe('a consumer that leaves in the middle of a stream', () => {
  it.each(['createAgent', 'graph', 'model', 'events'])('guardAgent around a %s: what came is booked, and the run is over', async (kind) => {
    const guard: AnyGuard = createGuard({ budgets: { run: { tokens: 100_000 } } });
    const heard = hear(guard);
    if (kind === 'events') {
      const graph = guardAgent(messagesGraph(model(), [searchTool()]), guard);
      await count(graph.streamEvents(question, { version: 'v2' }), 20);
    } else {
      const agents = {
        createAgent: () => seen(createAgent({ model: model(), tools: [searchTool()] })),
        graph: () => seen(messagesGraph(model(), [searchTool()])),
        model: () => seen(model()),
      }[kind as 'graph'];
      await count(await guardAgent(agents(), guard).stream(kind === 'model' ? 'A story.' : question, streamed), 10);
    }
    await expect.poll(() => heard.reports.length).toBe(1);
    expect(heard.steps).toMatchObject([{ outcome: 'error', isEstimated: true }]);
    expect(heard.steps[0]?.used.outputTokens).toBeGreaterThan(3);
    expect(heard.steps[0]?.used.outputTokens).toBeLessThan(2_000);
    expect(heard.halts).toEqual([]);
    await expect.poll(() => server.requests[0]?.aborted).toBe(true);
  });

  it('a guarded model on its own, which LangChain tells nothing of', async () => {
    const guard: AnyGuard = createGuard({ budgets: { run: { tokens: 100_000 } } });
    const heard = hear(guard);
    await count(await guardModel(model(), guard).stream('A story.'), 10);
    expect(heard.steps).toMatchObject([{ outcome: 'error', isEstimated: true }]);
    expect(heard.reports).toHaveLength(1);
  });
});

describe('a stream that nobody reads', () => {
  const hour = 60 * 60_000;
  afterEach(() => void vi.useRealTimers());

  /** A graph that goes on in the background, one turn for each call of `next`. */
  function slowly() {
    const turns: ((said: { calls?: { name: string; args: object }[]; text?: string }) => void)[] = [];
    const slow = new ScriptedChatModel(() => new Promise((resolve) => void turns.push(resolve)));
    const next = async (turn: number): Promise<void> => {
      await vi.waitFor(() => expect(turns).toHaveLength(turn + 1), { interval: 1 });
      turns[turn]?.({ calls: [{ name: 'search', args: { query: `${turn}` } }] });
    };
    return { slow, next };
  }

  it('is metered for as long as its agent works, and its run ends when that has stopped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const guard: AnyGuard = createGuard({ budgets: { run: { modelCalls: 3 } }, loops: 'off' });
    const heard = hear(guard);
    const { slow, next } = slowly();
    const stream = await guardAgent(seen(messagesGraph(slow, [searchTool()])), guard).stream(question, { streamMode: 'values' });
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    for (let turn = 0; turn < 3; turn += 1) {
      await vi.advanceTimersByTimeAsync(hour);
      await next(turn);
    }
    await expect.poll(() => heard.halts).toEqual(['budget']);
    expect(heard.reports).toEqual([]);
    await vi.advanceTimersByTimeAsync(hour);
    await expect.poll(() => heard.reports).toMatchObject([{ used: { modelCalls: 3 } }]);
    expect(slow.calls).toHaveLength(3);
  });
});
