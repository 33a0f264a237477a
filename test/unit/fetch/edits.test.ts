import type Anthropic from '@anthropic-ai/sdk';
import { trimmedContext, type CallEdits, type GuardOptions, type Rung } from 'holdfast';
import type OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { world } from './support.ts';

/** A rung that makes these edits, whatever the pressure. */
const edits = (made: CallEdits): GuardOptions<string> => {
  const rung: Rung = { name: 'test', at: 0, offer: () => ({ kind: 'edits', edits: made }) };
  return { budgets: { run: { tokens: 100_000 } }, ladder: [rung], loops: 'off' };
};

const history: NonNullable<CallEdits['messages']> = [
  { kind: 'keep', index: 0 },
  { kind: 'insert', role: 'system', text: 'Be brief.' },
  { kind: 'replace', index: 1, text: 'Rain or snow?' },
  { kind: 'keep', index: 2 },
  { kind: 'replace', index: 3, text: 'r…' },
  { kind: 'keep', index: 4 },
  { kind: 'insert', role: 'user', text: 'Answer now.' },
];

describe('Messages', () => {
  const tools: Anthropic.Tool[] = ['search', 'read'].map((name) => ({ name, input_schema: { type: 'object' } }));
  const marked = { type: 'text' as const, text: 'You know the weather.', cache_control: { type: 'ephemeral' as const } };
  const thinking = { type: 'thinking' as const, thinking: 'Hm.', signature: 'signed' };
  const calls = ['a', 'b'].map((id) => ({ type: 'tool_use' as const, id, name: 'search', input: { query: id } }));
  const [a, b] = ['a', 'b'].map((id) => ({ type: 'tool_result' as const, tool_use_id: id, content: `rain ${id}` }));
  const body: Anthropic.MessageCreateParamsNonStreaming = {
    model: 'claude-haiku-4-5',
    max_tokens: 8_000,
    system: [marked],
    thinking: { type: 'enabled', budget_tokens: 4_000 },
    tools,
    tool_choice: { type: 'auto' },
    messages: [
      { role: 'user', content: 'Rain?' },
      { role: 'assistant', content: [thinking, { type: 'text', text: 'One moment.' }, ...calls] },
      { role: 'user', content: [a!, b!] },
    ],
  };
  const sentWith = async (made: CallEdits, changed: object = {}): Promise<Record<string, unknown>> => {
    const { anthropic, server } = await world(() => 'Yes.', edits(made));
    await anthropic.messages.create({ ...body, ...changed });
    expect(server.refusals).toEqual([]);
    return server.requests[0]!.body;
  };

  it('edits the history, and keeps signatures, cache marks and pairs', async () => {
    const sent = await sentWith({ messages: history });
    expect(sent['system']).toEqual([marked, { type: 'text', text: 'Be brief.' }]);
    expect(sent['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Rain or snow?' }] },
      body.messages[1],
      { role: 'user', content: [{ ...a, content: 'r…' }, b, { type: 'text', text: 'Answer now.' }] },
    ]);
  });

  it('makes thinking fit under a lower cap, or leaves it out', async () => {
    expect(await sentWith({ maxOutputTokens: 3_000 })).toMatchObject({ max_tokens: 3_000, thinking: { budget_tokens: 1_500 } });
    const low = await sentWith({ maxOutputTokens: 300 });
    expect(low).toMatchObject({ max_tokens: 300 });
    expect(low['thinking']).toBeUndefined();
  });

  it('lowers the thinking budget', async () => {
    expect(await sentWith({ reasoning: { maxTokens: 2_000 } })).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2_000 } });
  });

  it('takes tools away, and says that none may be called where the conversation has calls', async () => {
    expect((await sentWith({ tools: ['read'] }))['tools']).toEqual([tools[1]]);
    expect(await sentWith({ tools: [] })).toMatchObject({ tools, tool_choice: { type: 'none' } });
    const fresh = await sentWith({ tools: [] }, { messages: [{ role: 'user', content: 'Rain?' }] });
    expect([fresh['tools'], fresh['tool_choice']]).toEqual([undefined, undefined]);
  });
});

describe('Responses', () => {
  const calls = ['a', 'b'].map((id) => ({ type: 'function_call' as const, call_id: id, name: 'search', arguments: '{"query":"x"}' }));
  const reasoning = { type: 'reasoning' as const, id: 'rs_1', summary: [], encrypted_content: 'sealed' };
  const [a, b] = ['a', 'b'].map((id) => ({ type: 'function_call_output' as const, call_id: id, output: `rain ${id}` }));
  const body: OpenAI.Responses.ResponseCreateParamsNonStreaming = {
    model: 'gpt-5',
    instructions: 'You know the weather.',
    reasoning: { effort: 'high', summary: 'auto' },
    tools: ['search', 'read'].map((name) => ({ type: 'function', name, parameters: {}, strict: false })),
    input: [{ role: 'user', content: 'Rain?' }, reasoning, ...calls, a!, b!],
  };
  const sentWith = async (made: CallEdits, changed: object = {}): Promise<Record<string, unknown>> => {
    const { openai, server } = await world(() => 'Yes.', edits(made));
    await openai.responses.create({ ...body, ...changed });
    expect(server.refusals).toEqual([]);
    return server.requests[0]!.body;
  };

  it('edits the history, and keeps what was thought beside the calls', async () => {
    const sent = await sentWith({ messages: history });
    expect(sent['instructions']).toBe('You know the weather.');
    expect(sent['input']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Rain or snow?' },
      reasoning,
      ...calls,
      { ...a, output: 'r…' },
      b,
      { role: 'user', content: 'Answer now.' },
    ]);
  });

  it('lowers the effort and the cap, but not below what the provider takes', async () => {
    expect(await sentWith({ reasoning: { effort: 'low' }, maxOutputTokens: 5 })).toMatchObject({
      reasoning: { effort: 'low', summary: 'auto' },
      max_output_tokens: 16,
    });
  });

  it('takes tools away, with a choice that names one of them', async () => {
    const sent = await sentWith({ tools: ['read'] }, { tool_choice: { type: 'function', name: 'search' } });
    expect(sent).toMatchObject({ tools: [{ name: 'read' }] });
    expect(sent['tool_choice']).toBeUndefined();
  });
});

describe('Chat Completions', () => {
  const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
    model: 'gpt-4o',
    messages: [
      { role: 'system', content: 'You know the weather.' },
      { role: 'user', content: 'Rain?' },
      { role: 'assistant', tool_calls: ['a', 'b'].map((id) => ({ id, type: 'function', function: { name: 'search', arguments: '{}' } })) },
      { role: 'tool', tool_call_id: 'a', content: 'rain a' },
      { role: 'tool', tool_call_id: 'b', content: 'rain b' },
    ],
  };

  it('edits the history, and puts the cap under the name that the model takes', async () => {
    for (const [model, field] of [
      ['gpt-4o', 'max_tokens'],
      ['gpt-5-mini', 'max_completion_tokens'],
    ] as const) {
      const { openai, server } = await world(() => 'Yes.', edits({ messages: history, maxOutputTokens: 300 }));
      await openai.chat.completions.create({ ...body, model });
      const { messages } = body;
      expect(server.requests[0]?.body).toMatchObject({ [field]: 300 });
      expect(server.requests[0]?.body['messages']).toEqual([
        messages[0],
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Rain or snow?' },
        messages[2],
        { ...messages[3], content: 'r…' },
        messages[4],
        { role: 'user', content: 'Answer now.' },
      ]);
    }
  });

  it('sends old results shorter, as the ladder has it', async () => {
    const { openai, server } = await world(() => 'Yes.', {
      ladder: [trimmedContext({ at: 0, resultTokens: 30, keepLast: 1 })],
      budgets: { run: { tokens: 100_000 } },
    });
    const long = body.messages.map((message) => (message.role === 'tool' ? { ...message, content: 'rain '.repeat(500) } : message));
    await openai.chat.completions.create({
      ...body,
      messages: [...long, { role: 'assistant', content: 'Hm.' }, { role: 'user', content: 'So?' }],
    });
    expect(server.requests[0]?.messages.find(({ role }) => role === 'tool')?.text.length).toBeLessThan(500);
    expect(server.refusals).toEqual([]);
  });
});

describe('a message that is shortened keeps its picture', () => {
  const url = 'data:image/png;base64,iVBORw0KGgo=';
  const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } as const;
  const shortened = (index: number): CallEdits => ({
    messages: [...Array.from({ length: index }, (_, at) => ({ kind: 'keep' as const, index: at })), { kind: 'replace', index, text: 'r…' }],
  });

  it('in Chat Completions', async () => {
    const { openai, server } = await world(() => 'Yes.', edits(shortened(0)));
    const image = { type: 'image_url' as const, image_url: { url } };
    await openai.chat.completions.create({
      model: 'gpt-4o',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'rain' }, image, { type: 'text', text: 'more' }] }],
    });
    expect(server.requests[0]?.body['messages']).toEqual([{ role: 'user', content: [{ type: 'text', text: 'r…' }, image] }]);
  });

  it('in Responses, of a person and of a tool', async () => {
    const image = { type: 'input_image' as const, image_url: url, detail: 'auto' as const };
    const content = [{ type: 'input_text' as const, text: 'rain' }, image];
    const kept = [{ type: 'input_text', text: 'r…' }, image];
    const call = { type: 'function_call' as const, call_id: 'a', name: 'look', arguments: '{}' };
    const result = { type: 'function_call_output' as const, call_id: 'a', output: content };
    const person = await world(() => 'Yes.', edits(shortened(0)));
    await person.openai.responses.create({ model: 'gpt-4o', input: [{ role: 'user', content }] });
    expect(person.server.requests[0]?.body['input']).toEqual([{ role: 'user', content: kept }]);
    const tool = await world(() => 'Yes.', edits(shortened(2)));
    await tool.openai.responses.create({ model: 'gpt-4o', input: [{ role: 'user', content: 'Look.' }, call, result] });
    expect(tool.server.requests[0]?.body['input']).toEqual([{ role: 'user', content: 'Look.' }, call, { ...result, output: kept }]);
  });

  it('in Messages, of a tool', async () => {
    const { anthropic, server } = await world(() => 'Yes.', edits(shortened(2)));
    const image = { type: 'image' as const, source };
    const result = { type: 'tool_result' as const, tool_use_id: 'a', content: [{ type: 'text' as const, text: 'rain' }, image] };
    const asked: Anthropic.MessageParam = { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'look', input: {} }] };
    await anthropic.messages.create({
      model: 'claude-haiku-4-5',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'Look.' }, asked, { role: 'user', content: [result] }],
    });
    const sent = server.requests[0]?.body['messages'] as Anthropic.MessageParam[];
    expect(sent.at(-1)?.content).toEqual([{ ...result, content: [{ type: 'text', text: 'r…' }, image] }]);
  });
});
