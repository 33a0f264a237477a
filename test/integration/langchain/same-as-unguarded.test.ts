import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { StringOutputParser } from '@langchain/core/output_parsers';
import { RunnableLambda } from '@langchain/core/runnables';
import { MemorySaver } from '@langchain/langgraph';
import { createAgent, createMiddleware, ToolMessage } from 'langchain';
import { createGuard } from 'holdfast';
import { guardAgent, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { describe, expect, it } from 'vitest';
import { classicExecutor, messagesGraph, question, searching, searchingModel, searchTool } from './support/agents.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

/** Fields that hold a moment or a place, and the signal: a guarded call carries the run's, which is how it is stopped. */
const passing: ReadonlySet<string> = new Set([
  'pregelTaskId',

  'ts',
  'created_at',
  'start_time',
  'end_time',
  'nodeFirstAttemptTime',
  'timestamp',
  'signal',
  'stack',
]);

/** The layer that `createAgent` puts around an error on its way through any middleware: callbacks see it, callers do not. */
const withoutLayer = (value: unknown): unknown => {
  const { '~brand': brand, cause } = (value ?? {}) as { '~brand'?: unknown; cause?: unknown };
  return brand === 'MiddlewareError' ? cause : value;
};

/** Random ids by the order in which they first come, and no times or stacks: what is left must be the same to the byte. */
function told(value: unknown): string {
  const ids = new Map<string, string>();
  const text = JSON.stringify(value, (key, each: unknown) => (passing.has(key) ? undefined : withoutLayer(each))) ?? '';
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
      const known = ids.get(id) ?? `id-${ids.size}`;
      ids.set(id, known);
      return known;
    })
    .replaceAll(/(\\n\s+at [^"\\]+)+/g, ' at a place')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'a time');
}

/** Writes down every event that LangChain tells a user's own handler of. */
class Recorder extends BaseCallbackHandler {
  name = 'recorder';
  readonly lines: string[] = [];

  constructor() {
    super({ raiseError: true });
    for (const event of ['Chain', 'LLM', 'Tool', 'Agent', 'Retriever'] as const) {
      for (const phase of ['Start', 'End', 'Error', 'Action', 'NewToken', 'Finish']) {
        const method = `handle${event}${phase}`;
        Object.assign(this, { [method]: (...args: unknown[]) => void this.lines.push(`${method} ${told(args)}`) });
      }
    }
    Object.assign(this, {
      handleChatModelStart: (...args: unknown[]) => void this.lines.push(`handleChatModelStart ${told(args.slice(1))}`),
    });
  }
}

interface Agent {
  invoke(input: unknown, config?: object): Promise<unknown>;
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
  streamEvents(input: unknown, config: object): AsyncIterable<unknown> | Promise<unknown>;
}

const script = searching(2);
const failing = searchTool((query) => {
  if (query === '0b') throw new Error('no such place');
  return `found ${query}`;
});
const wrapping = createMiddleware({
  name: 'Wrapping',
  wrapToolCall: (request, next) => next(request),
  wrapModelCall: (request, next) => next(request),
});
const counting = createMiddleware({
  name: 'Counting',
  beforeModel: () => {},
  afterModel: () => {},
  beforeAgent: () => {},
  afterAgent: () => {},
});
const careless = createMiddleware({
  name: 'Careless',
  wrapToolCall: async (request, next) =>
    request.toolCall.name === 'missing' ? new ToolMessage({ content: 'made up', tool_call_id: request.toolCall.id ?? '' }) : next(request),
});
const model = (): ScriptedChatModel => new ScriptedChatModel(script);
const clumsyScript = (turn: number): ReturnType<typeof script> =>
  turn === 0
    ? {
        calls: [
          { name: 'search', args: { wrong: 1 } },
          { name: 'missing', args: {} },
        ],
      }
    : script(turn, [], turn);

/** Each makes a fresh agent; the guarded ones are made of the same parts. */
const hosts: Record<string, () => unknown> = {
  createAgent: () => createAgent({ model: model(), tools: [searchTool()] }),
  'createAgent with a name, a prompt and a thread': () =>
    createAgent({ model: model(), tools: [searchTool()], name: 'forecaster', systemPrompt: 'Be brief.', checkpointer: new MemorySaver() }),
  'createAgent without tools': () => createAgent({ model: new ScriptedChatModel(() => ({ text: 'Rain.', calls: [] })), tools: [] }),
  'createAgent without tools, whose model calls one': () => createAgent({ model: model(), tools: [] }),
  'createAgent whose tool fails': () => createAgent({ model: model(), tools: [failing] }),
  'createAgent whose model errs about tools': () => createAgent({ model: new ScriptedChatModel(clumsyScript), tools: [searchTool()] }),
  'createAgent with other middleware': () => createAgent({ model: model(), tools: [searchTool()], middleware: [counting, wrapping] }),
  'createAgent whose tool fails inside other middleware': () => createAgent({ model: model(), tools: [failing], middleware: [wrapping] }),
  'createAgent with middleware that answers for a tool': () =>
    createAgent({ model: new ScriptedChatModel(clumsyScript), tools: [searchTool()], middleware: [careless] }),
  'createAgent whose model fails': () =>
    createAgent({ model: new ScriptedChatModel(() => ({ error: new Error('no answer today') })), tools: [searchTool()] }),
  'createAgent that runs out of steps': () => createAgent({ model: new ScriptedChatModel(searching(40)), tools: [searchTool()] }),
  StateGraph: () => messagesGraph(model(), [searchTool()]),
  'StateGraph with a thread': () => messagesGraph(model(), [searchTool()], { checkpointer: new MemorySaver(), name: 'graph' }),
  AgentExecutor: () => classicExecutor(model(), [searchTool()]),
  'a sequence': () =>
    RunnableLambda.from((input: typeof question) => input.messages.map(({ content }) => content).join(''))
      .pipe(new ScriptedChatModel(() => ({ text: 'It will rain.' })))
      .pipe(new StringOutputParser()),
  'a model': () => RunnableLambda.from(() => 'Rain?').pipe(new ScriptedChatModel(() => ({ text: 'It will rain.' }))),
};
const inputOf = (host: string): unknown => (host === 'AgentExecutor' ? { input: 'Will it rain?' } : question);

async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    return told(await call());
  } catch (error) {
    const { name, message, constructor, cause } = error as Error;
    return told({ name, message, type: constructor.name, cause: String(cause) });
  }
}

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const pieces: unknown[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

const config = (more: object = {}): { callbacks: Recorder[]; configurable: object; recursionLimit: number } => ({
  callbacks: [new Recorder()],
  configurable: { thread_id: 'thread' },
  recursionLimit: 12,
  ...more,
});

const unguarded = (host: string): Agent => hosts[host]?.() as Agent;
const guarded = (host: string): Agent => guardAgent(unguarded(host), createGuard({ loops: 'off' }));

describe.each(Object.keys(hosts))('%s under a guard that does not stop it', (host) => {
  const input = inputOf(host);

  it('gives the same answer, or fails with the same error, and tells callbacks the same in the same order', async () => {
    const [plain, watched] = [config(), config()];
    expect(await outcome(() => guarded(host).invoke(input, watched))).toBe(await outcome(() => unguarded(host).invoke(input, plain)));
    expect(watched.callbacks[0]?.lines).toEqual(plain.callbacks[0]?.lines);
    expect(plain.callbacks[0]?.lines.length).toBeGreaterThan(1);
  });

  it.each([{}, { streamMode: ['updates', 'messages', 'values', 'custom'] }])('streams the same pieces: %j', async (mode) => {
    const streamed = (agent: Agent, recorded: object): Promise<string> => outcome(async () => all(await agent.stream(input, recorded)));
    const [plain, watched] = [config(mode), config(mode)];
    expect(await streamed(guarded(host), watched)).toBe(await streamed(unguarded(host), plain));
    expect(watched.callbacks[0]?.lines).toEqual(plain.callbacks[0]?.lines);
  });

  it.each(['v1', 'v2'] as const)('streams the same events, %s', async (version) => {
    const events = (agent: Agent): Promise<string> =>
      outcome(() => all(agent.streamEvents(input, { version, configurable: { thread_id: 'thread' } }) as AsyncIterable<unknown>));
    expect(await events(guarded(host))).toBe(await events(unguarded(host)));
  });

  it('goes on with its thread in the same way', async () => {
    const [plain, watched] = [unguarded(host), guarded(host)];
    const twice = (agent: Agent): Promise<string> =>
      outcome(async () => [await agent.invoke(input, config()), await agent.invoke(input, config())]);
    expect(await twice(watched)).toBe(await twice(plain));
  });
});

it('is the same with every door at once', async () => {
  const guard = createGuard();
  const parts = { tools: guardTools([searchTool()], guard), middleware: [guardMiddleware(guard)] };
  const agent = guardAgent(createAgent({ model: guardModel(searchingModel(), guard), ...parts }), guard);
  const plain = createAgent({ model: searchingModel(), tools: [searchTool()] });
  const [a, b] = [config(), config()];
  expect(told(await agent.invoke(question, a))).toBe(told(await plain.invoke(question, b)));
  expect(a.callbacks[0]?.lines).toEqual(b.callbacks[0]?.lines);
});

it('streams the same through LangGraph’s third event protocol', async () => {
  const streamed = async (agent: unknown): Promise<string> => {
    const run = (await (agent as Agent).streamEvents(question, { version: 'v3' })) as AsyncIterable<unknown> & { output: Promise<unknown> };
    return told([await all(run), await run.output]);
  };
  const make = (): object => createAgent({ model: searchingModel(), tools: [searchTool()] });
  expect(await streamed(guardAgent(make(), createGuard()))).toBe(await streamed(make()));
});
