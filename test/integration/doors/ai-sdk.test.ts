import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, jsonSchema, stepCountIs, streamText, tool, ToolLoopAgent, wrapLanguageModel } from 'ai';
import { guardMiddleware, guardModel, guardTools, type HostModel } from 'holdfast/ai-sdk';
import { silenceHandlerErrors } from '../langchain/support/quiet.ts';
import { allowsAll, type Asked, type AskOptions, type Door, type DoorAgent, type DoorParts } from './door.ts';
import { doorScenes } from './scenes.ts';

// An agent's stream writes its errors to the console.
silenceHandlerErrors();

const openai = ({ server, model }: DoorParts): HostModel => createOpenAI({ baseURL: server.url, apiKey: 'none' }).chat(model);
const responses = ({ server, model }: DoorParts): HostModel => createOpenAI({ baseURL: server.url, apiKey: 'none' }).responses(model);
const anthropic = ({ server, model }: DoorParts): HostModel => createAnthropic({ baseURL: server.url, apiKey: 'none' })(model);

const toolsOf = ({ search, guard }: DoorParts) => {
  const tools = {
    search: tool({
      description: 'Searches the web.',
      inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } }, required: ['query'] }),
      execute: ({ query }) => search(query),
    }),
  };
  return guard ? guardTools(tools, guard) : tools;
};

const settings = { stopWhen: stepCountIs(200) };

interface Streamed {
  readonly fullStream: AsyncIterable<{ readonly type: string; readonly text?: string; readonly error?: unknown }>;
  readonly text: PromiseLike<string>;
}

/** Reads a stream as a server would: an error of it is thrown, and who leaves it aborts the call. */
async function read(streamed: Streamed, { leaveAfter }: AskOptions, abort: AbortController): Promise<Asked> {
  const pieces: string[] = [];
  for await (const part of streamed.fullStream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw abort.signal.reason ?? new Error('aborted');
    if (part.type === 'text-delta' && part.text) pieces.push(part.text);
    if (pieces.length !== leaveAfter) continue;
    abort.abort();
    return { text: pieces.join(''), pieces };
  }
  return { text: await streamed.text, pieces };
}

const asks = (
  whole: (options: object) => Promise<{ text: string }>,
  streamed: (options: object) => Streamed | Promise<Streamed>,
): DoorAgent => ({
  async ask(prompt, options) {
    const abort = new AbortController();
    const abortSignal = options.signal ? AbortSignal.any([options.signal, abort.signal]) : abort.signal;
    if (options.streams) return read(await streamed({ prompt, abortSignal }), options, abort);
    const { text } = await whole({ prompt, abortSignal });
    return { text, pieces: [] };
  },
});

const asksModel = (model: HostModel, parts: DoorParts, more: object = {}): DoorAgent => {
  const common = { ...settings, ...more, model, tools: toolsOf(parts), maxRetries: parts.maxRetries, onError: () => {} };
  return asks(
    (options) => generateText({ ...common, ...options } as never),
    (options) => streamText({ ...common, ...options } as never),
  );
};

const ownStep = 'each try is a step of its own';
const common = { allows: { ...allowsAll, retry: ownStep }, tellsHalt: 'instance' as const };

const doors: readonly Door[] = [
  {
    ...common,
    name: 'AI SDK: guardModel and guardTools',
    open: (parts) => asksModel(parts.guard ? guardModel(openai(parts), parts.guard) : openai(parts), parts),
  },
  {
    ...common,
    name: 'AI SDK: the same over the Responses API',
    open: (parts) =>
      asksModel(parts.guard ? guardModel(responses(parts), parts.guard) : responses(parts), parts, {
        providerOptions: { openai: { store: false } },
      }),
  },
  {
    ...common,
    name: 'AI SDK: the same with Anthropic’s models',
    allows: { ...common.allows, usage: 'its client refuses an answer without usage' },
    models: { usual: 'claude-sonnet-4-5', cheaper: 'claude-haiku-4-5' },
    open: (parts) => asksModel(parts.guard ? guardModel(anthropic(parts), parts.guard) : anthropic(parts), parts),
  },
  {
    ...common,
    name: 'AI SDK: guardMiddleware in an agent inside guard.run',
    open(parts) {
      const { guard, maxRetries } = parts;
      const plain = openai(parts);
      const model = guard ? wrapLanguageModel({ model: plain, middleware: guardMiddleware(guard) }) : plain;
      const agent = new ToolLoopAgent({ ...settings, model, tools: toolsOf(parts), maxRetries });
      const inner = asks(
        (options) => agent.generate(options as never),
        (options) => agent.stream(options as never),
      );
      return guard ? { ask: (question, options) => guard.run(() => inner.ask(question, options)) as Promise<Asked> } : inner;
    },
  },
];

for (const door of doors) doorScenes(door);
