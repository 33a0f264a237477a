import { AgentExecutor, createToolCallingAgent } from '@langchain/classic/agents';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { createGuard, findHaltError, InputTooLargeError } from 'holdfast';
import { guardAgent, GuardCallbackHandler, guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer } from 'holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { searchTool } from './support/agents.ts';

let server: OpenAIServer;
afterEach(() => server.close());

const guard = createGuard({ input: { maxTokens: 2_000, onExcess: 'reject', per: { archive: { maxTokens: 50_000 } } } });

interface Play {
  invoke(input: object, config?: object): Promise<{ messages: { text: string }[] }>;
}

const newModel = (): ChatOpenAI =>
  new ChatOpenAI({ model: 'gpt-4o', apiKey: 'key', maxRetries: 3, configuration: { baseURL: server.url } });
const parts = () => ({ model: newModel(), tools: [searchTool((query) => `about ${query}: rain`)] });

/** An executor, whose model and tools are guarded inside it. */
function executor(): Play {
  const prompt = ChatPromptTemplate.fromMessages([
    ['human', '{input}'],
    ['placeholder', '{agent_scratchpad}'],
  ]);
  const { model, tools: bare } = parts();
  const tools = guardTools(bare, guard);
  const agent = createToolCallingAgent({ llm: guardModel(model, guard), tools, prompt, streamRunnable: false });
  const guarded = guardAgent(new AgentExecutor({ agent, tools }), guard);
  return {
    async invoke(input, config) {
      const [message] = (input as typeof novel).messages;
      const { output } = (await guarded.invoke({ input: message?.content ?? '' }, config as never)) as { output: string };
      return { messages: [{ text: output }] };
    },
  };
}

const doors: Record<string, () => Play> = {
  'guardAgent(AgentExecutor) with guardModel and guardTools': executor,
  guardMiddleware: () => createAgent({ ...parts(), middleware: [guardMiddleware(guard)] }) as never,
  guardAgent: () => guardAgent(createAgent(parts()), guard) as never,
  GuardCallbackHandler: () => {
    const agent = createAgent(parts());
    return {
      invoke: (input, config) => agent.invoke(input as never, { ...config, callbacks: [new GuardCallbackHandler(guard)] }) as never,
    };
  },
};

const novel = { messages: [{ role: 'user', content: `Sum this up. ${'word '.repeat(5_000)}` }] };

describe.each(Object.entries(doors))('a request that is too large, through %s', (_name, open) => {
  it('is refused with an error for the user, and never sent', async () => {
    server = await startOpenAIServer({ script: () => 'It will rain.' });
    const error: unknown = await open()
      .invoke(novel, { configurable: { feature: 'chat' }, metadata: { feature: 'chat' } })
      .then(
        () => expect.fail('it went through'),
        (thrown: unknown) => findHaltError(thrown),
      );
    expect(error).toBeInstanceOf(InputTooLargeError);
    expect(error).toMatchObject({ message: expect.stringMatching(/too long/), halt: { input: { maxTokens: 2_000, feature: 'chat' } } });
    expect(server.requests).toEqual([]);
  });

  it('is sent for a feature that may have it', async () => {
    server = await startOpenAIServer({ script: () => 'It will rain.' });
    const { messages } = await open().invoke(novel, { configurable: { feature: 'archive' }, metadata: { feature: 'archive' } });
    expect(messages.at(-1)?.text).toBe('It will rain.');
    expect(server.requests).toHaveLength(1);
  });
});
