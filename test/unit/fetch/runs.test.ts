import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { createGuard, memoryStore } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { guardAgent } from 'holdfast/langchain';
import type OpenAI from 'openai';
import { expect, it } from 'vitest';
import { asked, claude, gpt, world } from './support.ts';

const tools = [{ type: 'function' as const, function: { name: 'search', parameters: {} } }];
const call = { toolCalls: [{ name: 'search', args: { query: 'rain' }, id: 'call_1' }] };

it('an agent outside of any run is found again by the results that it brings, for its own user only', async () => {
  const { openai, guard, reports } = await world((_, turn) => (turn === 0 ? call : 'Yes.'), { budgets: { user: { modelCalls: 99 } } });
  const forUser = (user: string): OpenAI =>
    openai.withOptions({
      fetch: guardFetch(guard, { scopes: ({ headers }) => ({ user: headers.get('x-user') ?? user }) }),
      defaultHeaders: { 'x-user': user },
    });
  const [alice, bob] = [forUser('alice'), forUser('bob')];
  const messages: OpenAI.ChatCompletionMessageParam[] = [...asked.messages];
  const { choices } = await alice.chat.completions.create({ model: 'gpt-4o', messages, tools });
  messages.push(choices[0]!.message, { role: 'tool', tool_call_id: 'call_1', content: 'rain' });
  await bob.chat.completions.create({ model: 'gpt-4o', messages, tools });
  await alice.chat.completions.create({ model: 'gpt-4o', messages, tools });
  await alice.chat.completions.create({ model: 'gpt-4o', messages: asked.messages, tools });
  await guard.close();
  const seen = reports.map(({ used }) => [used.modelCalls, used.toolCalls]).toSorted(([a = 0], [b = 0]) => a - b);
  expect(seen).toEqual([
    [1, 0],
    [1, 0],
    [2, 1],
  ]);
  expect((await guard.read('user', 'alice')).used.modelCalls).toBe(3);
  expect((await guard.read('user', 'bob')).used.modelCalls).toBe(1);
});

it('two agents that were given the same ids go on in their own runs', async () => {
  const { openai, guard, reports } = await world((_, turn) => (turn < 3 ? call : 'Yes.'), { budgets: { run: { modelCalls: 9 } } });
  const turn = async (opening: string, answered?: OpenAI.ChatCompletionMessage): Promise<OpenAI.ChatCompletionMessage> => {
    const results = answered ? [answered, { role: 'tool' as const, tool_call_id: 'call_1', content: `rain in ${opening}` }] : [];
    const { choices } = await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: opening }, ...results],
      tools,
    });
    return choices[0]!.message;
  };
  const [ulm, bonn] = [await turn('Ulm'), await turn('Bonn')];
  await turn('Ulm', ulm);
  await turn('Bonn', bonn);
  await guard.close();
  const used = reports.map(({ used }) => used.modelCalls);
  expect(used).toEqual([2, 2]);
});

it('an agent whose history was cut goes on in its run', async () => {
  const { openai, guard, reports } = await world((_, turn) => (turn === 0 ? call : 'Yes.'), { budgets: { run: { modelCalls: 9 } } });
  const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Ulm?' }], tools });
  const result = { role: 'tool' as const, tool_call_id: 'call_1', content: 'rain' };
  await openai.chat.completions.create({
    model: 'gpt-4o',
    messages: [{ role: 'user', content: 'Earlier: Ulm was asked about.' }, choices[0]!.message, result],
    tools,
  });
  await guard.close();
  expect(reports.map(({ used }) => used.modelCalls)).toEqual([2]);
});

it('what follows on a run that is just ending is a run of its own', async () => {
  // The end of a run is told of when the store has written everything.
  const { inProcess: _, ...store } = memoryStore();
  let isWritten = (): void => {};
  const written = new Promise<void>((resolve) => (isWritten = resolve));
  const { openai, guard, reports } = await world((_asked, turn) => (turn === 0 ? call : 'Yes.'), {
    store: { ...store, flush: () => written },
  });
  const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages: asked.messages, tools });
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    ...asked.messages,
    choices[0]!.message,
    { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
  ];
  await openai.chat.completions.create({ model: 'gpt-4o', messages, tools });
  await openai.chat.completions.create({ model: 'gpt-4o', messages, tools });
  isWritten();
  await guard.close();
  expect(reports.map(({ used }) => used.modelCalls)).toEqual([2, 1]);
});

it('tools that another door has metered are not counted again', async () => {
  const { openai, guard, reports } = await world((_, turn) => (turn === 0 ? call : 'Yes.'));
  await guard.run(async (run) => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [...asked.messages];
    const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools });
    const content = await run.step({ kind: 'tool', name: 'search', args: { query: 'rain' } }, () => ({ output: 'rain' }));
    messages.push(choices[0]!.message, { role: 'tool', tool_call_id: 'call_1', content });
    await openai.chat.completions.create({ model: 'gpt-4o', messages, tools });
  });
  expect(reports).toMatchObject([{ used: { modelCalls: 2, toolCalls: 1 } }]);
});

it('a guarded fetch inside a guarded fetch meters once, and one inside another door joins it', async () => {
  const { guard, server, steps } = await world(() => 'Yes.', { budgets: { run: { tokens: 100_000 } } });
  const twice = guardFetch(guard, { fetch: guardFetch(guard) });
  await guard.run((run) =>
    run.step({ kind: 'model', model: 'gpt-4o', ...viewOf }, async () => {
      const response = await twice(`${server.url}/chat/completions`, { method: 'POST', body: JSON.stringify(gpt) });
      return { output: await response.json() };
    }),
  );
  expect(steps).toMatchObject([{ attempts: 1, isEstimated: false, used: { modelCalls: 1, steps: 1 }, usage: { outputTokens: 2 } }]);
});

const viewOf = { messages: [{ role: 'user' as const, text: 'Rain?' }] };

it.each([
  ['whole', false],
  ['streamed', true],
])('in a model of LangChain each of its retries is an attempt, and the bill is booked once: %s', async (_, streams) => {
  let calls = 0;
  const { guard, server, steps, fetch } = await world(
    () => (calls++ === 0 ? { fault: { kind: 'status', status: 500 } } : 'It will rain.'),
    { budgets: { run: { tokens: 100_000 } } },
  );
  const model = new ChatOpenAI({ model: 'gpt-4o', apiKey: 'none', maxRetries: 2, configuration: { baseURL: server.url, fetch } });
  const agent = guardAgent(createAgent({ model, tools: [] }), guard);
  if (streams) for await (const _part of await agent.stream(asked, { streamMode: 'messages' }));
  else await agent.invoke(asked);
  expect(steps).toMatchObject([{ attempts: 2, isEstimated: false, used: { steps: 1, modelCalls: 2 }, usage: { outputTokens: 4 } }]);
  expect(steps[0]?.usage).toMatchObject({ inputTokens: server.requests[1]?.usage?.inputTokens });
});

it('books embeddings by their input, and Anthropic’s cache as it is billed', async () => {
  const { openai, anthropic, guard, steps } = await world(() => ({ text: 'Yes.', cachedInputTokens: 2, cacheWriteTokens: 3 }), {
    budgets: { global: { usd: 1 } },
  });
  await openai.embeddings.create({ model: 'text-embedding-3-small', input: ['It will rain', 'today'] });
  await anthropic.messages.create({ ...claude, system: 'You are a weather service.' });
  await guard.close();
  expect(steps).toMatchObject([
    { name: 'text-embedding-3-small', isEstimated: false, used: { inputTokens: 4, outputTokens: 0, modelCalls: 1 } },
    { isEstimated: false, usage: { cachedInputTokens: 2, cacheWriteTokens: 3, outputTokens: 2 } },
  ]);
  expect(steps[0]!.used.usd).toBeGreaterThan(0);
});

it('holds for one answer where a prompt is a list of tokens, and for each of several prompts', async () => {
  const held: unknown[] = [];
  const guard = createGuard({ budgets: { run: { tokens: 100_000 } } });
  guard.on('step:start', ({ step }) => void held.push(step.held.outputTokens));
  const fetch = guardFetch(guard, { fetch: () => Promise.resolve(Response.json({ id: 'c1' })) });
  for (const prompt of ['rain', [1, 2, 3], ['rain', 'snow'], [[1, 2], [3]]])
    await fetch('http://provider.test/v1/completions', {
      method: 'POST',
      body: JSON.stringify({ model: 'gpt-3.5-turbo-instruct', prompt, max_tokens: 100 }),
    });
  await guard.close();
  expect(held).toEqual([100, 100, 200, 200]);
});

it('holds for the pictures in the results of tools', async () => {
  const held: number[] = [];
  const guard = createGuard({ budgets: { run: { tokens: 100_000 } }, loops: 'off' });
  guard.on('step:start', ({ step }) => void held.push(step.held.inputTokens));
  const fetch = guardFetch(guard, { fetch: () => Promise.resolve(Response.json({ id: 'c1' })) });
  const data = Buffer.alloc(64).toString('base64');
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
  const result = (content: unknown[]): object => ({
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    messages: [
      { role: 'user', content: 'Look.' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content }] },
    ],
  });
  const output = (content: unknown[]): object => ({
    model: 'gpt-4o',
    max_output_tokens: 100,
    input: [
      { role: 'user', content: 'Look.' },
      { type: 'function_call', call_id: 'a', name: 'look', arguments: '{}' },
      { type: 'function_call_output', call_id: 'a', output: content },
    ],
  });
  const ask = (path: string, body: object): Promise<Response> =>
    fetch(`http://provider.test/v1/${path}`, { method: 'POST', body: JSON.stringify(body) });
  await ask('messages', result([]));
  await ask('messages', result([image]));
  await ask('responses', output([]));
  await ask('responses', output([{ type: 'input_image', image_url: `data:image/png;base64,${data}` }]));
  await guard.close();
  expect(held[1]! - held[0]!).toBeGreaterThan(100);
  expect(held[3]! - held[2]!).toBeGreaterThan(100);
});

it('a call without arguments is the same one, streamed and not', async () => {
  const seen: unknown[] = [];
  const guard = createGuard({ tools: { ping: { loopKey: (args) => void seen.push(args) } } });
  const block = { type: 'tool_use', id: 'a', name: 'ping', input: {} };
  const message = { id: 'm1', type: 'message', role: 'assistant', model: 'claude-haiku-4-5', content: [block], stop_reason: 'tool_use' };
  const usage = { input_tokens: 5, output_tokens: 2 };
  const events = [
    { type: 'message_start', message: { ...message, content: [], usage } },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage },
    { type: 'message_stop' },
  ];
  const said = events.map((each) => `event: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`).join('');
  let streams = false;
  const fetch = guardFetch(guard, {
    fetch: () =>
      Promise.resolve(
        streams ? new Response(said, { headers: { 'content-type': 'text/event-stream' } }) : Response.json({ ...message, usage }),
      ),
  });
  const results = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'pong' }] };
  const ask = async (messages: object[]): Promise<void> => {
    const body = JSON.stringify({ ...claude, stream: streams, messages });
    await (await fetch('http://provider.test/v1/messages', { method: 'POST', body })).text();
  };
  for (streams of [false, true])
    await guard.run(async () => {
      await ask([asked.messages[0]!]);
      await ask([asked.messages[0]!, message, results]);
    });
  expect(seen.length).toBeGreaterThan(1);
  for (const args of seen) expect(args).toEqual({});
  await guard.close();
});

it('an embedding inside a model call is a call of its own', async () => {
  const { openai, guard, steps } = await world(() => 'Yes.');
  await guard.run((run) =>
    run.step({ kind: 'model', model: 'gpt-4o', ...viewOf }, async () => {
      await openai.embeddings.create({ model: 'text-embedding-3-small', input: 'rain' });
      return { output: 'Yes.', usage: { inputTokens: 1, outputTokens: 1 } };
    }),
  );
  expect(steps.map(({ name }) => name)).toEqual(['text-embedding-3-small', 'gpt-4o']);
});
