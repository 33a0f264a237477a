import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents';
import OpenAI from 'openai';
import { guardModel, guardRunner, guardTools } from 'holdfast/openai-agents';
import { z } from 'zod';
import { allowsAll, type Asked, type Door, type DoorAgent, type DoorParts } from './door.ts';
import { doorScenes } from './scenes.ts';

const providerOf = ({ server, maxRetries }: DoorParts, useResponses: boolean): OpenAIProvider =>
  new OpenAIProvider({ openAIClient: new OpenAI({ apiKey: 'none', baseURL: server.url, maxRetries }) as never, useResponses });

const toolsOf = ({ search, guard }: DoorParts) => {
  const tools = [
    tool({
      name: 'search',
      description: 'Searches the web.',
      parameters: z.object({ query: z.string() }),
      execute: ({ query }) => search(query),
    }),
  ];
  return guard ? guardTools(tools, guard) : tools;
};

const asks = (runner: Runner, agent: Agent): DoorAgent => ({
  async ask(question, { streams, signal, leaveAfter }): Promise<Asked> {
    const options = { maxTurns: 200, ...(signal ? { signal } : {}) };
    if (!streams) return { text: (await runner.run(agent, question, options)).finalOutput ?? '', pieces: [] };
    const result = await runner.run(agent, question, { ...options, stream: true });
    const pieces: string[] = [];
    for await (const event of result) {
      if (event.type !== 'raw_model_stream_event' || event.data.type !== 'output_text_delta') continue;
      pieces.push(event.data.delta);
      if (pieces.length === leaveAfter) return { text: pieces.join(''), pieces };
    }
    // An aborted stream ends in order.
    signal?.throwIfAborted();
    await result.completed;
    return { text: result.finalOutput ?? '', pieces };
  },
});

const allows = { ...allowsAll, retry: 'below it: put `guardFetch` into the client' };

const doors: readonly Door[] = [
  {
    name: 'OpenAI Agents: guardRunner and guardTools',
    allows,
    tellsHalt: 'instance',
    open(parts) {
      const runner = new Runner({ modelProvider: providerOf(parts, true), tracingDisabled: true, model: parts.model });
      const agent = new Agent({ name: 'Weather', tools: toolsOf(parts) });
      return asks(parts.guard ? guardRunner(runner, parts.guard) : runner, agent);
    },
  },
  {
    name: 'OpenAI Agents: guardModel and guardTools inside guard.run',
    allows,
    tellsHalt: 'instance',
    async open(parts) {
      const { guard } = parts;
      const provider = providerOf(parts, false);
      const plain = await provider.getModel(parts.model);
      const models = (name: string) => provider.getModel(name);
      const model = guard ? guardModel(plain, guard, { model: parts.model, models }) : plain;
      const agent = new Agent({ name: 'Weather', model, tools: toolsOf(parts) });
      const inner = asks(new Runner({ tracingDisabled: true }), agent);
      return guard ? { ask: (question, options) => guard.run(() => inner.ask(question, options)) as Promise<Asked> } : inner;
    },
  },
];

for (const door of doors) doorScenes(door);
