import { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
import { createGuard, type CallEdits } from 'holdfast';
import { guardMiddleware, guardModel, guardTools } from 'holdfast/langchain';
import { startOpenAIServer, type OpenAIServer, type RecordedRequest } from 'holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { searchTool } from './support/agents.ts';
import { offeringGuard, type OfferFor } from './support/offering-guard.ts';
import { ScriptedChatModel } from './support/scripted-chat-model.ts';

let server: OpenAIServer;
beforeEach(async () => {
  server = await startOpenAIServer({
    script: (_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'It will rain.'),
  });
});
afterEach(() => server.close());

const model = (options: object = {}): ChatOpenAI =>
  new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: 'a-key',
    maxRetries: 0,
    temperature: 0.5,
    configuration: { baseURL: server.url, defaultHeaders: { 'x-team': 'weather' } },
    ...options,
  });
const other = tool(() => 'other', { name: 'other', description: 'Does something else.', schema: z.object({}) });
const history = [
  new HumanMessage({ content: 'Hello.', id: 'a' }),
  new AIMessage({ content: 'Hello!', id: 'b' }),
  new HumanMessage({ content: 'Rain?', id: 'c' }),
];

const onModels =
  (edits: CallEdits): OfferFor =>
  (call) =>
    call.kind === 'model' ? edits : undefined;

/** Only of the first call: an edited history would have the scripted model ask for its tool again and again. */
const onFirstModel = (edits: CallEdits): OfferFor => {
  let isFirst = true;
  return (call) => {
    if (call.kind !== 'model' || !isFirst) return undefined;
    isFirst = false;
    return edits;
  };
};

/** The two doors that can change a model's call. */
const doors: Record<string, (offers: OfferFor, agent?: object) => Promise<unknown>> = {
  guardMiddleware: async (offers, options = {}) => {
    const guard = offeringGuard(createGuard(), offers);
    const agent = createAgent({
      model: model(),
      tools: [searchTool(), other],
      systemPrompt: 'Be brief.',
      middleware: [guardMiddleware(guard)],
      ...options,
    });
    return (await agent.invoke({ messages: history })).messages.at(-1);
  },
  guardModel: async (offers) => {
    const guard = offeringGuard(createGuard(), offers);
    const bound = guardModel(model(), guard).bindTools([searchTool(), other]);
    const first = await bound.invoke([new SystemMessage('Be brief.'), ...history]);
    return first.tool_calls?.length
      ? bound.invoke([new SystemMessage('Be brief.'), ...history, new AIMessage('So?'), new HumanMessage('Well?')])
      : first;
  },
};

const first = (): RecordedRequest => server.requests[0] as RecordedRequest;

describe.each(Object.entries(doors))('%s follows the guard’s offer', (_door, call) => {
  it('to the letter when there is none: the request is as the caller made it', async () => {
    await call(() => undefined);
    expect(first()).toMatchObject({
      model: 'gpt-4o-mini',
      tools: ['search', 'other'],
      maxOutputTokens: undefined,
      body: { temperature: 0.5 },
    });
    expect(first().messages.map(({ text }) => text)).toEqual(['Be brief.', 'Hello.', 'Hello!', 'Rain?']);
  });

  it('of a cap and of another model by its name, and keeps everything else', async () => {
    await call(onModels({ maxOutputTokens: 77, model: { name: 'gpt-4o' } }));
    expect(first()).toMatchObject({ model: 'gpt-4o', maxOutputTokens: 77, tools: ['search', 'other'], body: { temperature: 0.5 } });
    expect(first().headers).toMatchObject({ authorization: 'Bearer a-key', 'x-team': 'weather' });
  });

  it('of another instance, and of less reasoning', async () => {
    await call(
      onModels({
        model: { name: 'gpt-5-mini', instance: model({ model: 'gpt-5-mini', temperature: undefined }) },
        reasoning: { effort: 'low' },
      }),
    );
    expect(first()).toMatchObject({ model: 'gpt-5-mini', reasoningEffort: 'low', tools: ['search', 'other'] });
  });

  it('of another class of model, which gets the tools in its own way', async () => {
    const cheap = new ScriptedChatModel((turn) => ({ text: `Cheap answer ${turn}.` }));
    expect(await call(onModels({ model: { name: 'cheap', instance: cheap } }))).toMatchObject({ content: 'Cheap answer 1.' });
    expect(server.requests).toHaveLength(0);
    expect(cheap.calls).toHaveLength(1);
  });

  it('of fewer tools, and of none', async () => {
    await call(onModels({ tools: ['search'] }));
    await call(onModels({ tools: [] }));
    expect(server.requests.find(({ tools }) => tools.length > 0)?.tools).toEqual(['search']);
    expect(server.requests.at(-1)).toMatchObject({ tools: [], body: expect.not.objectContaining({ tool_choice: expect.anything() }) });
  });

  it('of another history: kept messages are the same, others are dropped, replaced and put in', async () => {
    const messages: CallEdits['messages'] = [
      { kind: 'replace', index: 0, text: 'Be brief, please.' },
      { kind: 'insert', role: 'user', text: 'Summary: greetings.' },
      { kind: 'keep', index: 3 },
    ];
    await call(onFirstModel({ messages }));
    expect(first().messages.map(({ role, text }) => [role, text])).toEqual([
      ['system', 'Be brief, please.'],
      ['user', 'Summary: greetings.'],
      ['user', 'Rain?'],
    ]);
    const before = server.requests.length;
    await call(onFirstModel({ messages: [{ kind: 'keep', index: 3 }] }));
    expect(server.requests[before]?.messages.map(({ role }) => role)).toEqual(['user']);
  });

  it('of an answer: no call is made', async () => {
    expect(await call((asked) => (asked.kind === 'model' ? { answer: 'From the cache.' } : undefined))).toMatchObject({
      content: 'From the cache.',
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe('tools follow the guard’s offer', () => {
  const calls: string[] = [];
  const search = searchTool((query) => {
    calls.push(query);
    return 'found';
  });
  const offers: Record<string, OfferFor> = {
    note: (call) => (call.kind === 'tool' ? { note: 'You have seen this before.' } : undefined),
    answer: (call) => (call.kind === 'tool' ? { answer: { seen: true } } : undefined),
  };
  const whole = { name: 'search', args: { query: 'rain' }, id: 'call_1', type: 'tool_call' as const };

  it.each([
    ['note', 'found\n\nYou have seen this before.', 1],
    ['answer', '{"seen":true}', 0],
  ])('guardMiddleware: %s', async (offer, content, times) => {
    calls.length = 0;
    const guard = offeringGuard(createGuard(), offers[offer] as OfferFor);
    const agent = createAgent({ model: model(), tools: [search], middleware: [guardMiddleware(guard)] });
    const { messages } = await agent.invoke({ messages: [new HumanMessage('Rain?')] });
    expect(messages.find((message) => message.getType() === 'tool')).toMatchObject({ content, tool_call_id: 'call_0_0', name: 'search' });
    expect(calls).toHaveLength(times);
  });

  it.each([
    ['note', 'found\n\nYou have seen this before.'],
    ['answer', '{"seen":true}'],
  ])('guardTools: %s, for a whole call and for arguments alone', async (offer, content) => {
    const [guarded] = guardTools([search], offeringGuard(createGuard(), offers[offer] as OfferFor));
    expect(await guarded?.invoke(whole)).toMatchObject({ content, tool_call_id: 'call_1' });
    expect(await guarded?.invoke({ query: 'rain' })).toBe(content);
  });

  it('guardTools leaves tools alone that only a provider runs', () => {
    const webSearch = { type: 'web_search' };
    expect(guardTools([webSearch], createGuard())[0]).toBe(webSearch);
  });
});
