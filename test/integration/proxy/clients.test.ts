import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { hasProgram } from '../../support/programs.ts';
import { authorized, chat, clientKey, closeAll, post, staged } from './support.ts';

afterEach(closeAll);

const run = promisify(execFile);
const ANSWER = 'It will rain in the afternoon.';

describe('a client of OpenAI behind the proxy', () => {
  const openai = (url: string, path = '/v1'): OpenAI => new OpenAI({ apiKey: clientKey, baseURL: url + path, maxRetries: 2 });

  it('gets what the provider says, and every call is booked', async () => {
    const { proxy, guard, server } = await staged({ script: () => ANSWER, guard: { budgets: { user: { tokens: 100_000 } } } });
    const client = openai(proxy.url);
    const messages = [{ role: 'user' as const, content: 'Will it rain?' }];
    const { data, response } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe(ANSWER);
    expect(response.headers.get('holdfast-run')).toMatch(/^[\da-f-]{36}$/);
    let streamed = '';
    for await (const chunk of await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? '';
    expect(streamed).toBe(ANSWER);
    const replied = await client.responses.create({ model: 'gpt-4o-mini', input: 'Will it rain?' });
    expect(replied.output_text).toBe(ANSWER);
    let told = '';
    for await (const event of await client.responses.create({ model: 'gpt-4o-mini', input: 'Will it rain?', stream: true }))
      if (event.type === 'response.output_text.delta') told += event.delta;
    expect(told).toBe(ANSWER);
    expect((await client.embeddings.create({ model: 'text-embedding-3-small', input: 'rain' })).data).toHaveLength(1);
    const billed = server.requests.reduce((sum, { usage }) => sum + (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0), 0);
    await expect.poll(async () => (await guard.read('user', 'client')).used.tokens).toBe(billed);
    expect((await guard.read('user', 'client')).used.modelCalls).toBe(5);
    // The client's key is not the provider's business, but it is all there is where the proxy holds none.
    expect(server.requests[0]?.headers['authorization']).toBe(`Bearer ${clientKey}`);
  });

  it('gets a whole answer byte for byte, in whatever script', async () => {
    const text = 'Füße, 雨が降る, 🌧️, \u00a0\u0000 and \u2028';
    const { proxy, server } = await staged({ script: () => text });
    const asked = (url: string): Promise<Buffer> =>
      fetch(`${url}/chat/completions`, { method: 'POST', headers: authorized, body: chat('Will it rain?') })
        .then((response) => response.arrayBuffer())
        .then((bytes) => Buffer.from(bytes));
    // But for the id and the moment, which are new each time.
    const masked = (bytes: Buffer): string => bytes.toString('latin1').replace(/"id":"[^"]*"|"created":\d+/g, '');
    const behind = await asked(`${proxy.url}/v1`);
    expect(masked(behind)).toBe(masked(await asked(server.url)));
    expect((JSON.parse(behind.toString()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content).toBe(text);
  });

  it('is refused at once, with a typed error and the facts, when a budget is used up', async () => {
    const { proxy, server } = await staged({ guard: { budgets: { user: { modelCalls: 1, window: 'day' } } } });
    const client = openai(proxy.url);
    const ask = () => client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] });
    await ask();
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'budget_exceeded' });
    expect((error as Error).message).toContain('user budget exceeded');
    expect(server.requests).toHaveLength(1);
  });

  it('names users, features and sessions in its base URL where its key is trusted', async () => {
    const { proxy, guard } = await staged({ guard: { budgets: { user: { tokens: 100_000 }, feature: { tokens: 100_000 } } } });
    await openai(proxy.url, '/u/alice/f/search/v1').chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hi' }],
    });
    await post(proxy, chat('hi'), { 'holdfast-user': 'bob' });
    for (const [scope, id] of [
      ['user', 'alice'],
      ['feature', 'search'],
      ['user', 'bob'],
    ] as const)
      expect((await guard.read(scope, id)).used.modelCalls, id).toBe(1);
  });

  it('is one run as its history grows, and is stopped when it goes in circles', async () => {
    const { proxy, guard, server } = await staged({
      script: ({ tools }, turn) =>
        tools.length > 0 ? { toolCalls: [{ name: 'search', args: { q: 'rain' }, id: `call_${turn}` }] } : ANSWER,
    });
    const client = openai(proxy.url);
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Will it rain?' }];
    const tools = [
      { type: 'function' as const, function: { name: 'search', parameters: { type: 'object', properties: { q: { type: 'string' } } } } },
    ];
    const runs = new Set<unknown>();
    const loop = async (): Promise<void> => {
      for (let turn = 0; turn < 30; turn += 1) {
        const { data, response } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools }).withResponse();
        runs.add(response.headers.get('holdfast-run'));
        const { message } = data.choices[0]!;
        messages.push(message);
        for (const call of message.tool_calls ?? []) messages.push({ role: 'tool', tool_call_id: call.id, content: 'nothing found' });
      }
    };
    await expect(loop()).rejects.toMatchObject({ code: 'loop_detected' });
    expect(runs.size).toBe(1);
    expect(server.requests.length).toBeLessThan(15);
    expect(guard.lastHalt()?.halt).toMatchObject({ cause: 'loop' });
    // Asked once more, it is still the same run, and still stopped.
    await expect(client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools })).rejects.toMatchObject({
      code: 'loop_detected',
    });
  });

  it('draws on the budget of the run that it names', async () => {
    const { proxy } = await staged({ guard: { budgets: { run: { modelCalls: 2 } } } });
    const status = async (run: string): Promise<number> =>
      (await post(proxy, chat(`hello ${Math.random()}`), { 'holdfast-run': run })).status;
    expect([await status('one'), await status('one'), await status('two')]).toEqual([200, 200, 200]);
    expect(await status('one')).toBeGreaterThanOrEqual(400);
    expect(await status('two')).toBe(200);
  });
});

describe('a client of Anthropic behind the proxy', () => {
  it('gets what the provider says, is booked, and is refused in its own words', async () => {
    const { proxy, guard, server } = await staged({ script: () => ANSWER, guard: { budgets: { user: { modelCalls: 2 } } } });
    const client = new Anthropic({ apiKey: clientKey, baseURL: proxy.url, maxRetries: 2 });
    const ask = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Will it rain?' }] };
    const whole = await client.messages.create(ask);
    expect(whole.content[0]).toMatchObject({ type: 'text', text: ANSWER });
    const stream = client.messages.stream(ask);
    expect(await stream.finalText()).toBe(ANSWER);
    const error = await client.messages.create(ask).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect((error as Error).message).toContain('user budget exceeded');
    expect(server.requests).toHaveLength(2);
    expect((await guard.read('user', 'client')).used.modelCalls).toBe(2);
  });
});

describe('the ladder behind the proxy', () => {
  it('makes calls cheaper and shorter on the wire, and ends a run with an answer', async () => {
    const { proxy, server } = await staged({
      script: ({ tools }, turn) =>
        tools.length > 0 ? { toolCalls: [{ name: 'look', args: { page: turn }, id: `call_${turn}` }] } : ANSWER,
      configuration: {},
      guard: {
        budgets: { run: { steps: 6, usd: 1 } },
        ladder: (await import('../../../integrations/cli/proxy/configuration/ladder-part.ts')).ladderOf(
          [
            { rung: 'cheaperModel', to: 'gpt-4.1-nano', at: 0 },
            { rung: 'shorterReplies', at: 0, maxOutputTokens: 300, instruction: false },
            { rung: 'wrapUp' },
          ],
          () => '',
        ),
      },
    });
    const client = new OpenAI({ apiKey: clientKey, baseURL: `${proxy.url}/v1`, maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Read the pages.' }];
    const tools = [{ type: 'function' as const, function: { name: 'look', parameters: { type: 'object', properties: {} } } }];
    let text: string | null = null;
    for (let turn = 0; turn < 20 && text === null; turn += 1) {
      const { choices } = await client.chat.completions.create({ model: 'gpt-4o', messages, tools });
      const { message } = choices[0]!;
      messages.push(message);
      for (const call of message.tool_calls ?? []) messages.push({ role: 'tool', tool_call_id: call.id, content: `page ${turn}` });
      if (!message.tool_calls?.length) text = message.content;
    }
    expect(text).toBe(ANSWER);
    expect(server.requests.every(({ model, maxOutputTokens }) => model === 'gpt-4.1-nano' && (maxOutputTokens ?? 0) <= 300)).toBe(true);
    expect(server.requests.at(-1)?.tools).toEqual([]);
    expect(server.refusals).toEqual([]);
    // The next word of the user is a new run.
    messages.push({ role: 'user', content: 'And now?' });
    expect((await client.chat.completions.create({ model: 'gpt-4o', messages })).choices[0]?.message.content).toBe(ANSWER);
  });
});

describe.skipIf(!hasProgram('the proxy with curl', 'curl'))('curl', () => {
  it('is guarded by setting its address, and sees a stream byte for byte', async () => {
    const { proxy, guard, server } = await staged({ script: () => ANSWER, guard: { budgets: { user: { tokens: 100_000 } } } });
    const curl = async (url: string): Promise<string> => {
      const headers = Object.entries(authorized).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
      const body = chat('hi', { stream: true, stream_options: { include_usage: true } });
      return (await run('curl', ['-sS', '--no-buffer', '--max-time', '20', ...headers, '-d', body, `${url}/v1/chat/completions`])).stdout;
    };
    const ids = /"(?:id|created)":\s*(?:"[^"]*"|\d+)/g;
    const direct = (await curl(server.origin)).replaceAll(ids, '');
    expect((await curl(proxy.url)).replaceAll(ids, '')).toBe(direct);
    expect(direct).toContain('[DONE]');
    await expect.poll(async () => (await guard.read('user', 'client')).used.modelCalls).toBe(1);
  });
});

const python = `
import json, sys, urllib.error, urllib.request
url, key = sys.argv[1:3]
messages = [{"role": "user", "content": "Will it rain?"}]
tools = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object", "properties": {}}}}]
for turn in range(30):
    body = json.dumps({"model": "gpt-4o-mini", "messages": messages, "tools": tools}).encode()
    request = urllib.request.Request(url + "/v1/chat/completions", body, {"authorization": "Bearer " + key, "content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            message = json.load(response)["choices"][0]["message"]
    except urllib.error.HTTPError as error:
        print(turn, error.code, json.load(error)["error"]["code"])
        break
    messages.append(message)
    for call in message.get("tool_calls") or []:
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "nothing found"})
`;

describe.skipIf(!hasProgram('the proxy with Python', 'python3'))('an agent in Python', () => {
  it('is stopped when it goes in circles', async () => {
    const { proxy, server } = await staged({
      script: (_, turn) => ({ toolCalls: [{ name: 'search', args: { q: 'rain' }, id: `call_${turn}` }] }),
    });
    const { stdout } = await run('python3', ['-c', python, proxy.url, clientKey], { timeout: 25_000 });
    expect(stdout.trim()).toMatch(/^\d+ 4\d\d loop_detected$/);
    expect(server.requests.length).toBeLessThan(15);
  });
});
