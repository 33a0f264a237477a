import { AgentExecutor, createToolCallingAgent } from '@langchain/classic/agents';
import type { BaseMessage } from '@langchain/core/messages';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, createMiddleware } from 'langchain';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { messagesGraph, searchTool } from '../langchain/support/agents.ts';
import { silenceHandlerErrors } from '../langchain/support/quiet.ts';
import { allowsAll, type Asked, type AskOptions, type AnyGuard, type Door, type DoorAgent, type DoorParts } from './door.ts';
import { doorScenes } from './scenes.ts';

silenceHandlerErrors();

const modelOf = ({ server, model, maxRetries }: DoorParts): ChatOpenAI =>
  new ChatOpenAI({ model, apiKey: 'none', maxRetries, configuration: { baseURL: server.url } });

interface Agent {
  invoke(input: unknown, config?: object): Promise<unknown>;
  stream(input: unknown, config?: object): Promise<AsyncIterable<unknown>>;
}

const config = { recursionLimit: 400 };

const notRetried = 'below it: put `guardFetch` into the model';
/** LangChain's models try again below everything that LangChain shows. */
const allowed = { ...allowsAll, retry: notRetried };
const onlyStops = 'it can only stop';

/** Asks an agent whose state is a list of messages. */
const asksMessages = (made: unknown, more: object = {}): DoorAgent => ({
  async ask(question, { streams, signal, leaveAfter }: AskOptions): Promise<Asked> {
    const agent = made as Agent;
    const input = { messages: [{ role: 'user', content: question }] };
    const options = { ...config, ...more, ...(signal ? { signal } : {}) };
    if (!streams) {
      const { messages } = (await agent.invoke(input, options)) as { messages: BaseMessage[] };
      return { text: messages.at(-1)?.text ?? '', pieces: [] };
    }
    const pieces: string[] = [];
    let last: BaseMessage | undefined;
    for await (const [mode, part] of (await agent.stream(input, { ...options, streamMode: ['messages', 'values'] })) as AsyncIterable<
      [string, unknown]
    >) {
      if (mode === 'values') last = (part as { messages: BaseMessage[] }).messages.at(-1) ?? last;
      const message = mode === 'messages' ? (part as BaseMessage[])[0] : undefined;
      if (message?.getType() === 'ai' && message.text !== '') pieces.push(message.text);
      if (pieces.length === leaveAfter) return { text: pieces.join(''), pieces };
    }
    return { text: last?.text ?? '', pieces };
  },
});

const inRun = (guard: AnyGuard | undefined, agent: DoorAgent): DoorAgent =>
  guard ? { ask: (question, options) => guard.run(() => agent.ask(question, options)) as Promise<Asked> } : agent;

const doors: readonly Door[] = [
  {
    name: 'LangChain: guardAgent(createAgent(…))',
    allows: allowed,
    tellsHalt: 'instance',
    open(parts) {
      const agent = createAgent({ model: modelOf(parts), tools: [searchTool(parts.search)] });
      return asksMessages(parts.guard ? guardAgent(agent, parts.guard) : agent);
    },
  },
  {
    name: 'LangChain: guardMiddleware',
    allows: allowed,
    tellsHalt: 'cause',
    open(parts) {
      // LangChain wraps the errors of a model around which there is a middleware, whatever that does.
      const middleware = [
        parts.guard ? guardMiddleware(parts.guard) : createMiddleware({ name: 'none', wrapModelCall: (call, next) => next(call) }),
      ];
      return asksMessages(createAgent({ model: modelOf(parts), tools: [searchTool(parts.search)], middleware }));
    },
  },
  {
    name: 'LangChain: GuardCallbackHandler',
    allows: { ...allowed, degrade: onlyStops, wrapUp: onlyStops, handoff: onlyStops },
    tellsHalt: 'cause',
    open(parts) {
      const agent = messagesGraph(modelOf(parts), [searchTool(parts.search)]);
      return asksMessages(agent, parts.guard ? { callbacks: [new GuardCallbackHandler(parts.guard)] } : {});
    },
  },
  {
    name: 'LangChain: guardModel and guardTools',
    allows: allowed,
    tellsHalt: 'instance',
    open(parts) {
      const { guard } = parts;
      const tools = [searchTool(parts.search)];
      const graph = guard
        ? messagesGraph(guardModel(modelOf(parts), guard), guardTools(tools, guard))
        : messagesGraph(modelOf(parts), tools);
      return inRun(guard, asksMessages(graph));
    },
  },
  {
    name: 'LangGraph: guardAgent(StateGraph) with guardModel and guardTools',
    allows: allowed,
    tellsHalt: 'instance',
    open(parts) {
      const { guard } = parts;
      const tools = [searchTool(parts.search)];
      if (!guard) return asksMessages(messagesGraph(modelOf(parts), tools));
      return asksMessages(guardAgent(messagesGraph(guardModel(modelOf(parts), guard), guardTools(tools, guard)), guard));
    },
  },
  {
    name: 'LangChain: guardAgent(AgentExecutor) with guardModel and guardTools',
    allows: { ...allowed, leave: 'it streams whole steps' },
    tellsHalt: 'instance',
    open(parts) {
      const { guard } = parts;
      const [plain, model] = [[searchTool(parts.search)], modelOf(parts)];
      const tools = guard ? guardTools(plain, guard) : plain;
      const prompt = ChatPromptTemplate.fromMessages([
        ['human', '{input}'],
        ['placeholder', '{agent_scratchpad}'],
      ]);
      const build = (streamRunnable: boolean): Agent => {
        const agent = createToolCallingAgent({ llm: guard ? guardModel(model, guard) : model, tools, prompt, streamRunnable });
        const executor = new AgentExecutor({ agent, tools, maxIterations: 200 });
        return guard ? guardAgent(executor, guard) : executor;
      };
      return {
        async ask(input, { streams, signal }) {
          const options = signal ? { signal } : {};
          if (!streams) return { text: ((await build(false).invoke({ input }, options)) as { output: string }).output, pieces: [] };
          let text = '';
          for await (const piece of await build(true).stream({ input }, options)) text = (piece as { output?: string }).output ?? text;
          return { text, pieces: [] };
        },
      };
    },
  },
];

for (const door of doors) doorScenes(door);
