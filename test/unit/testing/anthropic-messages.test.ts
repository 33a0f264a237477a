import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from '../../../src/testing/openai-server.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const serve = async (script: OpenAIScript): Promise<{ server: OpenAIServer; client: Anthropic }> => {
  const server = await startOpenAIServer({ script });
  servers.push(server);
  return { server, client: new Anthropic({ baseURL: server.origin, apiKey: 'none', maxRetries: 0 }) };
};

const tools: Anthropic.Tool[] = [{ name: 'search', input_schema: { type: 'object', properties: { query: { type: 'string' } } } }];
const asked = (content: Anthropic.MessageParam['content']): Anthropic.MessageParam => ({ role: 'user', content });
const plain = { model: 'claude-haiku-4-5', max_tokens: 100 };

describe('the Messages protocol, as the SDK speaks it', () => {
  it('answers with text and usage, in which the cache is beside the input', async () => {
    const { client, server } = await serve(() => ({ text: 'It will rain.', cachedInputTokens: 2, cacheWriteTokens: 1 }));
    const { content, usage, stop_reason } = await client.messages.create({ ...plain, system: 'Be brief.', messages: [asked('Rain?')] });
    expect(content).toEqual([{ type: 'text', text: 'It will rain.' }]);
    expect(stop_reason).toBe('end_turn');
    expect(usage).toEqual({ input_tokens: 10, cache_read_input_tokens: 2, cache_creation_input_tokens: 1, output_tokens: 4 });
    expect(server.requests[0]).toMatchObject({ api: 'messages', usage: { inputTokens: 13 }, maxOutputTokens: 100 });
    expect(server.requests[0]?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
  });

  it.each([false, true])('thinks, asks for parallel tools and takes their results (streaming: %s)', async (streaming) => {
    const { client, server } = await serve((_, turn) =>
      turn === 0
        ? { text: 'One moment.', reasoningTokens: 5, toolCalls: ['rain', 'snow'].map((query) => ({ name: 'search', args: { query } })) }
        : 'Both.',
    );
    const ask = (messages: Anthropic.MessageParam[]): Promise<Anthropic.Message> => {
      const body = { ...plain, tools, messages };
      return streaming ? client.messages.stream(body).finalMessage() : client.messages.create(body);
    };
    const first = await ask([asked('Rain or snow?')]);
    expect(first.stop_reason).toBe('tool_use');
    expect(first.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use']);
    expect(first.content.at(-1)).toMatchObject({ id: 'call_0_1', name: 'search', input: { query: 'snow' } });
    const results = first.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'yes' }] : [],
    );
    const second = await ask([
      asked('Rain or snow?'),
      { role: 'assistant', content: first.content },
      asked([...results, { type: 'text', text: 'Well?' }]),
    ]);
    expect(second.content).toMatchObject([{ text: 'Both.' }]);
    expect(second.usage).toMatchObject({ output_tokens: 2 });
    expect(server.requests[1]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool', 'user']);
    expect(server.requests.map(({ turn }) => turn)).toEqual([0, 1]);
    expect(server.refusals).toEqual([]);
  });

  it('streams piece by piece, and cuts at the cap', async () => {
    const { client } = await serve(() => 'one two three four');
    const texts: string[] = [];
    const stream = client.messages.stream({ ...plain, max_tokens: 3, messages: [asked('Count.')] });
    stream.on('text', (text) => void texts.push(text));
    const { stop_reason, usage } = await stream.finalMessage();
    expect(texts).toEqual(['one', ' two', ' three']);
    expect(stop_reason).toBe('max_tokens');
    expect(usage.output_tokens).toBe(3);
  });

  const call = { type: 'tool_use' as const, id: 't1', name: 'search', input: {} };
  const result = { type: 'tool_result' as const, tool_use_id: 't1', content: 'rain' };
  it.each<[string, Anthropic.MessageParam[]]>([
    ['a call without a result', [asked('?'), { role: 'assistant', content: [call] }, asked('Well?')]],
    ['a result without a call', [asked([result])]],
    ['a result that is not first', [asked('?'), { role: 'assistant', content: [call] }, asked([{ type: 'text', text: '!' }, result])]],
    ['an empty text', [asked([{ type: 'text', text: '' }])]],
    ['a conversation that the assistant begins', [{ role: 'assistant', content: 'Hello' }]],
    ['no message', []],
  ])('refuses %s', async (_what, messages) => {
    const { client, server } = await serve(() => 'Never.');
    await expect(client.messages.create({ ...plain, messages })).rejects.toMatchObject({
      status: 400,
      error: { type: 'error', error: { type: 'invalid_request_error' } },
    });
    expect(server.requests).toEqual([]);
    expect(server.refusals).toHaveLength(1);
  });

  it('refuses a request without a cap, and one whose thinking fills it', async () => {
    const { client, server } = await serve(() => 'Never.');
    const messages = [asked('?')];
    await expect(client.messages.create({ model: 'm', messages } as never)).rejects.toThrow('max_tokens');
    const thinking = { type: 'enabled' as const, budget_tokens: 2_000 };
    await expect(client.messages.create({ model: 'm', max_tokens: 2_000, thinking, messages })).rejects.toThrow('max_tokens');
    expect(server.refusals).toHaveLength(2);
  });

  it('sends error statuses in the shape of the provider', async () => {
    const { client } = await serve(() => ({ fault: { kind: 'status', status: 529 } }));
    await expect(client.messages.create({ ...plain, messages: [asked('?')] })).rejects.toMatchObject({
      status: 529,
      error: { error: { type: 'overloaded_error' } },
    });
  });

  it.each(['cutOff', 'garbled', 'streamError', 'reset'] as const)('breaks a stream in the middle: %s', async (kind) => {
    const { client } = await serve(() => ({ text: 'one two three', fault: { kind, afterPieces: 4 } }));
    const texts: string[] = [];
    const stream = client.messages.stream({ ...plain, messages: [asked('Count.')] });
    stream.on('text', (text) => void texts.push(text));
    await expect(stream.finalMessage()).rejects.toThrow();
    expect(texts).toEqual(['one']);
  });

  it('reports an error in a stream so that the SDK knows it', async () => {
    const { client } = await serve(() => ({ text: 'one', fault: { kind: 'streamError', afterPieces: 2 } }));
    const read = async (): Promise<void> => {
      for await (const _ of await client.messages.create({ ...plain, stream: true, messages: [asked('?')] }));
    };
    await expect(read()).rejects.toBeInstanceOf(APIError);
  });
});
