import { createGuard } from 'holdfast';
import { guardFetch } from 'holdfast/fetch';
import { describe, expect, it } from 'vitest';
import { claude, gpt, world } from './support.ts';

const chat = 'https://api.openai.com/v1/chat/completions';
const body = JSON.stringify({ ...gpt, stream: true });

/** A provider that streams these bytes, cut into pieces of a size. */
const streaming =
  (text: string, size = text.length): typeof globalThis.fetch =>
  () => {
    const bytes = Buffer.from(text);
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, (at += size)));
      },
    });
    return Promise.resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream', 'x-request-id': 'r1' } }));
  };

const piece = (content: string, more = ''): string =>
  `data: {"id":"c1","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"${content}"}}]${more}}`;
const usage = '"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}';

describe('a stream passes byte for byte', () => {
  const streams: Record<string, string> = {
    plain: `${piece('It will')}\n\n${piece(' rain')}\n\ndata: [DONE]\n\n`,
    'with other line ends, comments and fields': `: hello\r\n\r\nid: 1\r\n${piece('It ☂ will')}\r\n\r\nretry: 10\n\n${piece('rain')}\n\ndata: [DONE]\r\n\r\n`,
    'with broken events': `data: {"id": broken\n\ndata:\n\n${piece('rain')}\n\ndata: [DONE]\n\n`,
    'with the oldest line ends': `${piece('It will')}\r\r${piece('rain')}\r\rdata: [DONE]\r\r`,
    'that ends without an empty line': `${piece('It will')}\n\ndata: [DONE]`,
    'that ends in the middle of an event': `${piece('It will')}\n\ndata: {"choices":[{"del`,
  };
  it.each(Object.entries(streams).flatMap(([name, text]) => [1, 7, 10_000].map((size) => [name, size, text] as const)))(
    '%s, in pieces of %i bytes',
    async (_name, size, text) => {
      const guard = createGuard();
      const response = await guardFetch(guard, { fetch: streaming(text, size) })(chat, { method: 'POST', body });
      expect(response.headers.get('x-request-id')).toBe('r1');
      expect(await response.text()).toBe(text);
      await guard.close();
    },
  );

  it('without the usage that the caller did not ask for, which is booked', async () => {
    const told = `${piece('rain', ',"usage":null')}\n\ndata: {"id":"c1","choices":[],${usage}}\n\ndata: [DONE]\n\n`;
    const guard = createGuard();
    const reports: unknown[] = [];
    guard.on('run:end', ({ report }) => void reports.push(report.usage, report.estimatedSteps));
    const response = await guardFetch(guard, { fetch: streaming(told, 11) })(chat, { method: 'POST', body });
    expect(await response.text()).toBe(`${piece('rain')}\n\ndata: [DONE]\n\n`);
    await guard.close();
    expect(reports).toMatchObject([{ inputTokens: 7, outputTokens: 2 }, 0]);
  });

  it('with the usage where the caller asked for it', async () => {
    const told = `${piece('rain', ',"usage":null')}\n\ndata: {"id":"c1","choices":[],${usage}}\n\ndata: [DONE]\n\n`;
    const asking = JSON.stringify({ ...gpt, stream: true, stream_options: { include_usage: true } });
    const guard = createGuard();
    const response = await guardFetch(guard, { fetch: streaming(told) })(chat, { method: 'POST', body: asking });
    expect(await response.text()).toBe(told);
    await guard.close();
  });

  it('with nothing asked for where the server would refuse it; what streams is counted then', async () => {
    const { fetch, server, reports, guard } = await world(() => 'It will rain.', {}, { asksForUsage: false });
    await (await fetch(`${server.url}/chat/completions`, { method: 'POST', body })).text();
    expect(server.requests[0]?.body['stream_options']).toBeUndefined();
    await guard.close();
    expect(reports).toMatchObject([{ estimatedSteps: 1, used: { modelCalls: 1 } }]);
  });
});

describe('what a stream says is booked', () => {
  const lines = (...events: string[]): string[] => events.map((each) => `data: ${each}`);
  const messages = (...more: string[]): string[] =>
    lines(
      '{"type":"message_start","message":{"id":"m1","model":"claude-haiku-4-5","usage":{"input_tokens":5,"cache_read_input_tokens":3,"output_tokens":1}}}',
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"rain ☂"}}',
      ...more,
    );
  const delta = (tokens: number): string =>
    `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":${tokens}}}`;
  const told = lines(`{"id":"c1","choices":[],${usage}}`);
  const response = '{"id":"r1","status":"incomplete","output":[],"usage":{"input_tokens":7,"output_tokens":2,"total_tokens":9}}';
  const cases: Record<string, readonly [path: string, events: readonly string[], used: object]> = {
    'in Chat Completions': ['chat/completions', [piece('☂'), ...told, 'data: [DONE]'], { inputTokens: 7, outputTokens: 2 }],
    'behind a byte order mark': ['chat/completions', [`\uFEFF${told[0]}`, 'data: [DONE]'], { inputTokens: 7, outputTokens: 2 }],
    'in data of several lines': [
      'chat/completions',
      [piece('☂'), 'data: {"id":"c1","choices":[],\ndata:"usage":{"prompt_tokens":7,\ndata: "completion_tokens":2}}', 'data: [DONE]'],
      { inputTokens: 7, outputTokens: 2 },
    ],
    'in Messages, where the last word of the end holds': [
      'messages',
      messages(delta(2), delta(4), '{"type":"message_stop"}'),
      { inputTokens: 8, cachedInputTokens: 3, outputTokens: 4 },
    ],
    'in Responses that are incomplete': [
      'responses',
      lines('{"type":"response.output_text.delta","delta":"☂"}', `{"type":"response.incomplete","response":${response}}`),
      { inputTokens: 7, outputTokens: 2 },
    ],
  };
  const asked = { messages: gpt.messages, max_tokens: 9, model: 'gpt-4o', input: 'Rain?', stream: true };
  const ends: Record<string, string> = { '\\n': '\n', '\\r\\n': '\r\n', '\\r': '\r' };

  it.each(
    Object.entries(cases).flatMap(([name, [path, events, used]]) =>
      Object.entries(ends).flatMap(([end, ends]) =>
        ['', `${ends}${ends}`].map((last) => [name, end, last === '', path, events, used] as const),
      ),
    ),
  )('%s, with lines that end in %s, without a last empty line: %s', async (_name, end, isCut, path, events, used) => {
    const text = events.join('\n\n').replaceAll('\n', ends[end]!) + (isCut ? '' : ends[end]! + ends[end]!);
    for (const size of [1, 5, 10_000]) {
      const guard = createGuard();
      const reports: unknown[] = [];
      guard.on('run:end', ({ report }) => void reports.push(report.usage, report.estimatedSteps));
      guard.on('step:end', ({ step }) => void reports.push(step.outcome));
      const fetch = guardFetch(guard, { fetch: streaming(text, size), asksForUsage: false });
      const response = await fetch(`https://api.test/v1/${path}`, { method: 'POST', body: JSON.stringify(asked) });
      expect(Buffer.from(await response.arrayBuffer()).toString()).toBe(text);
      await guard.close();
      expect(reports).toMatchObject(['ok', used, 0]);
    }
  });
});

describe('a stream that goes in circles is cut, and ends in order', () => {
  const circles = { text: 'I must not say this again, must I? '.repeat(400) };
  const halted = async ({ guard, server, steps }: Awaited<ReturnType<typeof world>>): Promise<void> => {
    expect(guard.lastHalt()?.halt.cause).toBe('loop');
    await expect.poll(() => steps.length).toBe(1);
    expect(steps[0]!.used.outputTokens).toBeLessThan(3_600);
    await expect.poll(() => server.requests[0]?.aborted).toBe(true);
  };

  it('through Chat Completions', async () => {
    const made = await world(() => ({ ...circles, pieceDelayMs: 1 }));
    const reasons: unknown[] = [];
    for await (const { choices } of await made.openai.chat.completions.create({ ...gpt, stream: true }))
      reasons.push(choices[0]?.finish_reason);
    expect(reasons.at(-1)).toBe('length');
    await halted(made);
  });

  it('through Responses', async () => {
    const made = await world(() => ({ ...circles, pieceDelayMs: 1 }));
    const events: { type: string; response?: unknown }[] = [];
    for await (const event of await made.openai.responses.create({ model: 'gpt-4o', input: 'Rain?', stream: true })) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { id: 'resp_0', status: 'incomplete' } });
    await halted(made);
  });

  it('through Messages', async () => {
    const made = await world(() => ({ ...circles, pieceDelayMs: 1 }));
    const { stop_reason, content } = await made.anthropic.messages.stream({ ...claude, max_tokens: 8_000 }).finalMessage();
    expect(stop_reason).toBe('max_tokens');
    expect(content).toMatchObject([{ type: 'text' }]);
    await halted(made);
  });
});

it('a run that a person stops ends its stream in order, and lets go of the provider', async () => {
  const whole = Array.from({ length: 300 }, (_, at) => `rain ${at} `).join('');
  const { guard, openai, server, steps } = await world(() => ({ text: whole, pieceDelayMs: 5 }));
  const pieces: unknown[] = [];
  let text = '';
  const run = guard.start();
  await run.within(async () => {
    for await (const { choices } of await openai.chat.completions.create({ ...gpt, stream: true })) {
      pieces.push(choices[0]?.finish_reason);
      text += choices[0]?.delta.content ?? '';
      if (pieces.length === 3) run.halt('enough');
    }
  });
  await run.end();
  expect(pieces.at(-1)).toBe('length');
  // Nothing is told twice.
  expect(whole.startsWith(text)).toBe(true);
  expect(steps).toMatchObject([{ outcome: 'error', isEstimated: true }]);
  await expect.poll(() => server.requests[0]?.aborted).toBe(true);
});

it.each([
  ['a stream whose last word has come', 200, 'text/event-stream', `${piece('rain')}\n\ndata: [DONE]\n\n`],
  ['an error', 500, 'application/json', '{"error":'],
])('a caller that leaves %s, which goes on, is heard', async (_name, status, type, said) => {
  let isGone = false;
  const upstream: typeof globalThis.fetch = (_input, init) => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Buffer.from(said));
        init?.signal?.addEventListener('abort', () => {
          isGone = true;
          controller.error(init.signal?.reason);
        });
      },
    });
    return Promise.resolve(new Response(stream, { status, headers: { 'content-type': type } }));
  };
  const guard = createGuard();
  const leaving = new AbortController();
  const response = await guardFetch(guard, { fetch: upstream })(chat, { method: 'POST', body, signal: leaving.signal });
  const reader = response.body!.getReader();
  await reader.read();
  const waiting = reader.read();
  leaving.abort(new Error('enough'));
  expect(isGone).toBe(true);
  await expect(waiting).rejects.toThrow('enough');
  await guard.close();
});

it.each(['cutOff', 'garbled', 'streamError'] as const)('a stream that is broken by %s is booked as far as it came', async (kind) => {
  const { fetch, server, steps } = await world(() => ({ text: 'one two three four', fault: { kind, afterPieces: 3 } }));
  await (await fetch(`${server.url}/chat/completions`, { method: 'POST', body })).text().catch(() => {});
  await expect.poll(() => steps.length).toBe(1);
  expect(steps[0]).toMatchObject({ isEstimated: true, used: { modelCalls: 1 } });
  expect(steps[0]!.used.inputTokens).toBeGreaterThan(0);
  expect(steps[0]!.used.outputTokens).toBeGreaterThan(0);
});
