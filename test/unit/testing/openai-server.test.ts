import { HumanMessage, type AIMessage, type BaseMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from '../../../src/testing/openai-server.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const serve = async (script: OpenAIScript): Promise<OpenAIServer> => {
  const server = await startOpenAIServer({ script });
  servers.push(server);
  return server;
};

const modelOf = (server: OpenAIServer, options: object = {}): ChatOpenAI =>
  new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', maxRetries: 0, configuration: { baseURL: server.url }, ...options });

const post = (server: OpenAIServer, path: string, body: unknown): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) });

const search = tool(() => 'rain', { name: 'search', description: 'Searches.', schema: z.object({ query: z.string() }) });
const apis = [
  ['Chat Completions', {}],
  ['Responses', { useResponsesApi: true }],
] as const;

describe.each(apis)('the %s protocol, as ChatOpenAI speaks it', (_name, options) => {
  it('answers with text and usage, cached input and reasoning among it', async () => {
    const server = await serve(() => ({ text: 'It will rain.', reasoningTokens: 5, cachedInputTokens: 2 }));
    const answer = await modelOf(server, options).invoke('Will it rain?');
    expect(answer.text).toBe('It will rain.');
    expect(answer.usage_metadata).toMatchObject({
      input_tokens: 8,
      output_tokens: 9,
      total_tokens: 17,
      input_token_details: { cache_read: 2 },
      output_token_details: { reasoning: 5 },
    });
    expect(server.requests[0]).toMatchObject({ model: 'gpt-4o-mini', turn: 0, index: 0, stream: false, status: 200, aborted: false });
  });

  it('streams the same answer and the same usage piece by piece', async () => {
    const server = await serve(() => ({ text: 'It will rain.', reasoningTokens: 5 }));
    const pieces: string[] = [];
    let whole: AIMessage | undefined;
    for await (const chunk of await modelOf(server, options).stream('Will it rain?')) {
      if (chunk.text !== '') pieces.push(chunk.text);
      whole = whole ? (whole as never as typeof chunk).concat(chunk) : chunk;
    }
    expect(pieces).toEqual(['It', ' will', ' rain', '.']);
    expect(whole?.usage_metadata).toMatchObject({ input_tokens: 8, output_tokens: 9, output_token_details: { reasoning: 5 } });
  });

  it.each([false, true])('asks for parallel tools and takes their results (streaming: %s)', async (streaming) => {
    const calls = [
      { name: 'search', args: { query: 'rain' } },
      { name: 'search', args: { query: 'snow' } },
    ];
    const server = await serve((_request, turn) => (turn === 0 ? { text: 'One moment.', toolCalls: calls } : 'Both.'));
    const model = modelOf(server, options).bindTools([search]);
    const ask = async (messages: BaseMessage[]): Promise<AIMessage> => {
      if (!streaming) return model.invoke(messages);
      const chunks = [];
      for await (const chunk of await model.stream(messages)) chunks.push(chunk);
      return chunks.reduce((all, chunk) => all.concat(chunk));
    };
    const question = new HumanMessage('Rain or snow?');
    const first = await ask([question]);
    expect(first.tool_calls?.map(({ name, args, id }) => ({ name, args, id }))).toEqual([
      { ...calls[0], id: 'call_0_0' },
      { ...calls[1], id: 'call_0_1' },
    ]);
    const results = await Promise.all((first.tool_calls ?? []).map((call) => search.invoke(call)));
    const second = await ask([question, first, ...results]);
    expect(second.text).toBe('Both.');
    expect(server.requests.map(({ turn, tools }) => ({ turn, tools }))).toEqual([
      { turn: 0, tools: ['search'] },
      { turn: 1, tools: ['search'] },
    ]);
    expect(server.requests[1]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool']);
    expect(server.refusals).toEqual([]);
  });

  it('refuses a conversation with a tool call that has no result', async () => {
    const server = await serve((_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'Never.'));
    const model = modelOf(server, options);
    const first = await model.invoke('Rain?');
    await expect(model.invoke([new HumanMessage('Rain?'), first, new HumanMessage('Well?')])).rejects.toMatchObject({ status: 400 });
    await expect(model.invoke([new HumanMessage('Rain?'), await search.invoke(first.tool_calls![0]!)])).rejects.toMatchObject({
      status: 400,
    });
    expect(server.refusals).toHaveLength(2);
    expect(server.requests).toHaveLength(1);
  });

  it('cuts the answer at the output cap', async () => {
    const server = await serve(() => 'one two three four five six');
    const answer = await modelOf(server, { ...options, maxTokens: 3 }).invoke('Count.');
    expect(answer.text).toBe('one two three');
    expect(answer.usage_metadata).toMatchObject({ output_tokens: 3 });
    expect(server.requests[0]?.maxOutputTokens).toBe(3);
  });

  it('pays for thinking out of the output cap first', async () => {
    const server = await serve(() => ({ text: 'one two three', reasoningTokens: 9 }));
    const answer = await modelOf(server, { ...options, maxTokens: 10 }).invoke('Count.');
    expect(answer.text).toBe('one');
    expect(answer.usage_metadata).toMatchObject({ output_tokens: 10 });
  });

  it('breaks the connection in the middle of a stream', async () => {
    const server = await serve(() => ({ text: 'one two three', fault: { kind: 'reset', afterPieces: 5 } }));
    const read = async (): Promise<void> => {
      for await (const _chunk of await modelOf(server, options).stream('Count.'));
    };
    await expect(read()).rejects.toThrow();
  });

  it('hangs until the client goes away, and records that it did', async () => {
    const server = await serve(() => ({ text: 'one', fault: { kind: 'hang' } }));
    await expect(modelOf(server, { ...options, timeout: 100 }).invoke('Count.')).rejects.toThrow();
    await expect.poll(() => server.requests[0]?.aborted).toBe(true);
  });
});

describe('the server', () => {
  it('sends an error status with retry-after, and the client tries again', async () => {
    const server = await serve(() =>
      server.requests.length === 1 ? { fault: { kind: 'status', status: 429, retryAfterSeconds: 0 } } : 'Now.',
    );
    const answer = await modelOf(server, { maxRetries: 2 }).invoke('Now?');
    expect(answer.text).toBe('Now.');
    expect(server.requests.map(({ status, turn }) => ({ status, turn }))).toEqual([
      { status: 429, turn: 0 },
      { status: 200, turn: 0 },
    ]);
  });

  it('sends an empty stream', async () => {
    const server = await serve(() => ({ fault: { kind: 'empty' } }));
    const response = await post(server, '/chat/completions', { model: 'm', stream: true, messages: [{ role: 'user', content: '?' }] });
    expect(await response.text()).toBe('data: [DONE]\n\n');
  });

  it('sends no usage in a stream unless it was asked for', async () => {
    const server = await serve(() => 'Yes.');
    const body = { model: 'm', stream: true, messages: [{ role: 'user', content: '?' }] };
    expect(await (await post(server, '/chat/completions', body)).text()).not.toContain('usage');
    expect(await (await post(server, '/chat/completions', { ...body, stream_options: { include_usage: true } })).text()).toContain(
      '"prompt_tokens":5',
    );
  });

  it.each([
    ['no messages', { messages: [] }],
    ['an unknown role', { messages: [{ role: 'robot', content: '?' }] }],
    ['an output cap of zero', { messages: [{ role: 'user', content: '?' }], max_tokens: 0 }],
  ])('refuses %s with 400', async (_what, body) => {
    const server = await serve(() => 'Never.');
    expect((await post(server, '/chat/completions', body)).status).toBe(400);
    expect(server.refusals).toHaveLength(1);
  });

  it('answers 404 elsewhere, 400 for what is no JSON, and 500 with the message of a script that throws', async () => {
    const server = await serve(() => {
      throw new Error('the script is lost');
    });
    expect((await post(server, '/images', {})).status).toBe(404);
    expect((await fetch(`${server.url}/responses`, { method: 'POST', body: '{' })).status).toBe(400);
    const response = await post(server, '/responses', { model: 'm', input: 'Hello' });
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('the script is lost');
  });

  it.each([
    ['/chat/completions', { messages: [{ role: 'user', content: '?' }] }, undefined],
    ['/responses', { input: '?' }, null],
  ])('leaves the usage of %s out, or says zero, as the script wishes', async (path, body, missing) => {
    const server = await serve(() => ({
      text: 'Hm.',
      usage: server.requests.length === 1 ? 'missing' : { inputTokens: 0, outputTokens: 0 },
    }));
    const usage = async (): Promise<unknown> =>
      ((await (await post(server, path, { model: 'm', ...body })).json()) as { usage?: unknown }).usage;
    expect(await usage()).toBe(missing);
    expect(await usage()).toMatchObject({ total_tokens: 0 });
  });

  it('gives as many answers as were asked for', async () => {
    const server = await serve(() => 'one two');
    const response = await post(server, '/chat/completions', { model: 'm', n: 3, messages: [{ role: 'user', content: '?' }] });
    const body = (await response.json()) as { choices: unknown[]; usage: { completion_tokens: number } };
    expect(body.choices).toHaveLength(3);
    expect(body.usage.completion_tokens).toBe(6);
  });

  it('closes while a request hangs', async () => {
    const server = await serve(() => ({ fault: { kind: 'hang' } }));
    const hanging = modelOf(server).invoke('?');
    hanging.catch(() => {});
    await expect.poll(() => server.requests.length).toBe(1);
    await server.close();
    await server.close();
    await expect(hanging).rejects.toThrow();
  });
});
