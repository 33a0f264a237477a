import { createOpenAI } from '@ai-sdk/openai';
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool, wrapLanguageModel, type ModelMessage } from 'ai';
import { cheaperModel, createGuard, handoff, wrapUp, type CallEdits } from 'holdfast';
import { guardMiddleware, guardModel, guardTools } from 'holdfast/ai-sdk';
import type { RecordedRequest } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';
import { offeringGuard, type OfferFor } from '../langchain/support/offering-guard.ts';
import { playedSdk, searchTool } from './support/sdk.ts';

const nothing = tool({
  description: 'Does nothing.',
  inputSchema: jsonSchema<object>({ type: 'object', properties: {} }),
  execute: () => '',
});
const rainOnce = () =>
  playedSdk((_request, turn) => (turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'It will rain.'));

const history: ModelMessage[] = [
  { role: 'user', content: 'Hello.' },
  { role: 'assistant', content: 'Hello!' },
  { role: 'user', content: 'Rain?' },
];

const ways: Record<string, (options: object) => Promise<string>> = {
  generateText: async (options) => (await generateText(options as never)).text,
  streamText: async (options) => streamText(options as never).text,
};

describe.each(Object.entries(ways))('%s follows the guard’s offer', (_way, call) => {
  async function first(edits: CallEdits | undefined, options: object = {}): Promise<RecordedRequest> {
    await using sdk = await rainOnce();
    const offers: OfferFor = ({ kind }) => (kind === 'model' ? edits : undefined);
    const guard = offeringGuard(createGuard(), offers);
    const model = guardModel(sdk.chat(), guard);
    await call({
      model,
      tools: { search: searchTool().search, nothing },
      system: 'Be brief.',
      messages: history,
      temperature: 0.5,
      ...options,
    });
    expect(sdk.server.refusals).toEqual([]);
    return sdk.server.requests[0] as RecordedRequest;
  }

  it('to the letter when there is none: the request is as the caller made it', async () => {
    const request = await first(undefined);
    expect(request).toMatchObject({
      model: 'gpt-4o-mini',
      tools: ['search', 'nothing'],
      maxOutputTokens: undefined,
      body: { temperature: 0.5 },
    });
    expect(request.messages.map(({ text }) => text)).toEqual(['Be brief.', 'Hello.', 'Hello!', 'Rain?']);
  });

  it('of a cap and of another model by its name, and keeps everything else', async () => {
    const request = await first({ maxOutputTokens: 77, model: { name: 'gpt-4o' } });
    expect(request).toMatchObject({ model: 'gpt-4o', maxOutputTokens: 77, tools: ['search', 'nothing'], body: { temperature: 0.5 } });
    expect(request.headers).toMatchObject({ authorization: 'Bearer none' });
  });

  it('of less reasoning, in the words of the provider or of the caller', async () => {
    const model = { name: 'gpt-5-mini' };
    expect(await first({ model, reasoning: { effort: 'low' } })).toMatchObject({ reasoningEffort: 'low' });
    const said = { temperature: undefined, providerOptions: { openai: { reasoningEffort: 'high', user: 'x' } } };
    expect(await first({ model, reasoning: { effort: 'minimal' } }, said)).toMatchObject({
      reasoningEffort: 'minimal',
      body: { user: 'x' },
    });
  });

  it('of fewer tools, and of none', async () => {
    expect((await first({ tools: ['search'] })).tools).toEqual(['search']);
    expect(await first({ tools: [] })).toMatchObject({
      tools: [],
      body: expect.not.objectContaining({ tool_choice: expect.anything() as unknown }),
    });
  });

  it('of another history: kept messages are the same, others are dropped, replaced and put in', async () => {
    const messages: CallEdits['messages'] = [
      { kind: 'keep', index: 0 },
      { kind: 'replace', index: 2, text: 'Hi!' },
      { kind: 'insert', role: 'user', text: 'Notice.' },
      { kind: 'keep', index: 3 },
    ];
    const request = await first({ messages });
    expect(request.messages.map(({ role, text }) => `${role}: ${text}`)).toEqual([
      'system: Be brief.',
      'assistant: Hi!',
      'user: Notice.',
      'user: Rain?',
    ]);
  });

  it('of an answer in place of the call', async () => {
    await using sdk = await rainOnce();
    const guard = offeringGuard(createGuard(), ({ kind }) => (kind === 'model' ? { answer: 'From the cache.' } : undefined));
    expect(await call({ model: guardModel(sdk.chat(), guard), prompt: 'Rain?' })).toBe('From the cache.');
    expect(sdk.server.requests).toHaveLength(0);
  });

  it('of an answer in place of a tool, and of a note below its result', async () => {
    for (const offered of [{ answer: 'Known.' }, { note: 'Go on with something else.' }]) {
      await using sdk = await rainOnce();
      const guard = offeringGuard(createGuard(), ({ kind }) => (kind === 'tool' ? offered : undefined));
      const { search, asked } = searchTool();
      const result = await call({
        model: guardModel(sdk.chat(), guard),
        tools: guardTools({ search }, guard),
        prompt: 'Rain?',
        stopWhen: stepCountIs(5),
      });
      expect(result).toBe('It will rain.');
      const said = sdk.server.requests[1]?.messages.at(-1)?.text;
      expect(said).toBe('answer' in offered ? 'Known.' : 'It rains: rain.\n\nGo on with something else.');
      expect(asked).toHaveLength('answer' in offered ? 0 : 1);
    }
  });
});

describe('a round of several calls', () => {
  it('keeps its results together when one of them is shortened', async () => {
    await using sdk = await playedSdk((request, turn) =>
      turn === 0
        ? { toolCalls: ['a', 'b', 'c'].map((query) => ({ name: 'search', args: { query } })) }
        : `${request.messages.length} messages`,
    );
    const edit: OfferFor = (call) => {
      if (call.kind !== 'model' || (call.messages?.length ?? 0) < 5) return undefined;
      expect(call.messages?.map(({ role, toolCallId }) => `${role} ${toolCallId ? 'of a call' : ''}`.trim())).toEqual([
        'user',
        'assistant',
        'tool of a call',
        'tool of a call',
        'tool of a call',
      ]);
      return {
        messages: [0, 1, 2, 3, 4].map((index) => (index === 3 ? { kind: 'replace', index, text: 'short' } : { kind: 'keep', index })),
      };
    };
    const guard = offeringGuard(createGuard(), edit);
    const { search } = searchTool();
    const { text } = await generateText({
      model: guardModel(sdk.chat(), guard),
      tools: guardTools({ search }, guard),
      prompt: 'Rain?',
      stopWhen: stepCountIs(5),
    });
    expect(text).toBe('5 messages');
    expect(sdk.server.requests[1]?.messages.slice(2).map(({ text: result }) => result)).toEqual(['It rains: a.', 'short', 'It rains: c.']);
    expect(sdk.server.refusals).toEqual([]);
  });
});

describe('a model that another middleware has built', () => {
  it('is asked by another name only where the user says how', async () => {
    await using sdk = await rainOnce();
    const guard = createGuard({ budgets: { run: { usd: 1 } }, ladder: [cheaperModel('gpt-4o-mini', { at: 0 })] });
    const inner = wrapLanguageModel({ model: sdk.chat('gpt-4o'), middleware: { specificationVersion: 'v3' } });
    await generateText({ model: guardModel(inner, guard), prompt: 'Rain?' });
    await generateText({ model: guardModel(inner, guard, { models: (name) => sdk.chat(name) }), prompt: 'Rain?' });
    await generateText({ model: wrapLanguageModel({ model: sdk.chat('gpt-4o'), middleware: [guardMiddleware(guard)] }), prompt: 'Rain?' });
    expect(sdk.server.requests.map(({ model }) => model)).toEqual(['gpt-4o', 'gpt-4o-mini', 'gpt-4o-mini']);
    await guard.close();
  });

  it('may be another provider’s, where an instance is offered', async () => {
    await using sdk = await rainOnce();
    await using other = await playedSdk(() => 'Cheap.');
    const guard = createGuard({ budgets: { run: { usd: 1 } }, ladder: [cheaperModel(other.responses('gpt-4o-mini'), { at: 0 })] });
    const { text } = await generateText({ model: guardModel(sdk.chat('gpt-4o'), guard), prompt: 'Rain?' });
    expect([text, sdk.server.requests.length, other.server.requests.length]).toEqual(['Cheap.', 0, 1]);
    await guard.close();
  });
});

describe('the end of a run', () => {
  it('is an answer without tools, made of what there is', async () => {
    await using sdk = await playedSdk(({ tools }, turn) =>
      tools.length === 0 ? 'What I have.' : { toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] },
    );
    for (const call of Object.values(ways)) {
      const guard = createGuard({ budgets: { run: { steps: 10 } }, ladder: [wrapUp({ reserve: 0.1 })] });
      const { search } = searchTool();
      const options = {
        model: guardModel(sdk.chat(), guard),
        tools: guardTools({ search }, guard),
        prompt: 'Rain?',
        stopWhen: stepCountIs(50),
      };
      expect(await call(options)).toBe('What I have.');
      await guard.close();
    }
  });

  it('asks for nothing more, whatever the model says', async () => {
    // This model goes on asking for its tool although it has none.
    await using sdk = await playedSdk((_request, turn) => ({
      text: 'Well.',
      toolCalls: [{ name: 'search', args: { query: `q${turn}` } }],
    }));
    for (const call of Object.values(ways)) {
      const guard = createGuard({ budgets: { run: { steps: 6 } }, ladder: [wrapUp({ reserve: 0.2 })] });
      const { search } = searchTool();
      const options = {
        model: guardModel(sdk.chat(), guard),
        tools: guardTools({ search }, guard),
        prompt: 'Rain?',
        stopWhen: stepCountIs(50),
      };
      expect(await call(options)).toBe('Well.');
      await guard.close();
    }
  });

  it('may be a person’s: the hand-off’s words are the last answer', async () => {
    await using sdk = await playedSdk((_request, turn) => ({ toolCalls: [{ name: 'search', args: { query: `q${turn}` } }] }));
    for (const call of Object.values(ways)) {
      const guard = createGuard({ budgets: { run: { modelCalls: 2 } }, ladder: [handoff(() => 'A colleague will write to you.')] });
      const { search } = searchTool();
      const options = {
        model: guardModel(sdk.chat(), guard),
        tools: guardTools({ search }, guard),
        prompt: 'Rain?',
        stopWhen: stepCountIs(50),
      };
      expect(await call(options)).toBe('A colleague will write to you.');
      await guard.close();
    }
  });
});

describe('structured answers', () => {
  it('are counted with their schema, and come as they are', async () => {
    await using sdk = await playedSdk(() => '{"rain":true}');
    const guard = createGuard();
    const schemas: unknown[] = [];
    const watched = offeringGuard(guard, (call) => {
      if (call.kind === 'model') schemas.push(call.outputSchema);
      return undefined;
    });
    const schema = jsonSchema<{ rain: boolean }>({
      type: 'object',
      properties: { rain: { type: 'boolean' } },
      required: ['rain'],
      additionalProperties: false,
    });
    const { object } = await generateObject({ model: guardModel(sdk.chat(), watched), schema, prompt: 'Rain?' });
    expect(object).toEqual({ rain: true });
    expect(schemas).toMatchObject([{ properties: { rain: { type: 'boolean' } } }]);
    await guard.close();
  });

  it('may be given by the fallback', async () => {
    await using sdk = await playedSdk(() => '{"rain":true}');
    const guard = createGuard({ budgets: { user: { modelCalls: 1 } }, fallback: () => ({ rain: false }) });
    const schema = jsonSchema<{ rain: boolean }>({
      type: 'object',
      properties: { rain: { type: 'boolean' } },
      required: ['rain'],
      additionalProperties: false,
    });
    const ask = () =>
      generateObject({ model: guardModel(sdk.chat(), guard), schema, prompt: 'Rain?', providerOptions: { holdfast: { user: 'u' } } });
    expect([(await ask()).object, (await ask()).object]).toEqual([{ rain: true }, { rain: false }]);
    await guard.close();
  });
});

describe('a text as the model', () => {
  it('is one of the default provider’s', async () => {
    await using sdk = await playedSdk(() => 'Yes.');
    const holder = globalThis as { AI_SDK_DEFAULT_PROVIDER?: unknown };
    holder.AI_SDK_DEFAULT_PROVIDER = createOpenAI({ baseURL: sdk.server.url, apiKey: 'none' });
    try {
      const guard = createGuard();
      expect((await generateText({ model: guardModel('gpt-4o-mini', guard), prompt: 'Rain?' })).text).toBe('Yes.');
      await guard.close();
    } finally {
      delete holder.AI_SDK_DEFAULT_PROVIDER;
    }
  });
});
