import { createOpenAI } from '@ai-sdk/openai';
import {
  generateObject,
  generateText,
  jsonSchema,
  Output,
  stepCountIs,
  streamObject,
  streamText,
  tool,
  ToolLoopAgent,
  type LanguageModel,
  type ToolSet,
} from 'ai';
import { createGuard } from 'holdfast';
import { guardModel, guardTools } from 'holdfast/ai-sdk';
import { startOpenAIServer, type OpenAIScript } from 'holdfast/testing';
import { describe, expect, it } from 'vitest';

/** Fields that hold a moment, and what a guarded request carries to be stopped by. */
const passing: ReadonlySet<string> = new Set(['timestamp', 'date', 'abortSignal', 'stack', 'url', 'msToFirstChunk', 'createdAt']);

/** What is random by the order in which it first comes: what is left must be the same to the byte. */
function told(value: unknown): string {
  const ids = new Map<string, string>();
  const seen = new WeakSet<object>();
  const text = JSON.stringify(value, (key, each: unknown) => {
    if (passing.has(key)) return undefined;
    if (each instanceof Error) return { name: each.name, message: each.message };
    if (typeof each === 'object' && each !== null && !Array.isArray(each)) {
      if (seen.has(each)) return { ...each };
      seen.add(each);
    }
    return each;
  });
  return (text ?? '').replaceAll(/"(?:aitxt-|msg_|call_|chatcmpl-)?[A-Za-z0-9]{16,24}"/g, (id) => {
    const known = ids.get(id) ?? `"id-${ids.size}"`;
    ids.set(id, known);
    return known;
  });
}

const search = tool({
  description: 'Searches.',
  inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } }, required: ['query'] }),
  execute: ({ query }) => {
    if (query === 'bad') throw new Error('No such page.');
    return { found: query };
  },
});
const browser = tool({ description: 'Runs in the browser.', inputSchema: jsonSchema<object>({ type: 'object', properties: {} }) });
const schema = jsonSchema<{ rain: boolean }>({
  type: 'object',
  properties: { rain: { type: 'boolean' } },
  required: ['rain'],
  additionalProperties: false,
});

interface Parts {
  readonly model: LanguageModel;
  readonly tools: ToolSet;
}
type Play = (parts: Parts, events: unknown[]) => Promise<unknown>;

const working: OpenAIScript = (_request, turn) => {
  if (turn === 0)
    return {
      text: 'Two at once.',
      toolCalls: [
        { name: 'search', args: { query: 'a' }, id: 'c1' },
        { name: 'search', args: { query: 'bad' }, id: 'c2' },
      ],
    };
  if (turn === 1)
    return {
      toolCalls: [
        { name: 'nobody', args: {}, id: 'c3' },
        { name: 'search', args: '{"query":', id: 'c4' },
      ],
    };
  return { text: 'It will rain.', reasoningTokens: 4, cachedInputTokens: 2 };
};

const plays: Record<string, readonly [OpenAIScript, Play]> = {
  'a loop with failing, unknown and broken calls': [
    working,
    async (parts, events) => {
      const { steps, totalUsage, response, text } = await generateText({
        ...parts,
        prompt: 'Rain?',
        stopWhen: stepCountIs(9),
        onStepFinish: (step) => void events.push(step.content, step.usage),
      });
      return { steps, totalUsage, messages: response.messages, text };
    },
  ],
  'the same loop, streamed': [
    working,
    async (parts, events) => {
      const result = streamText({
        ...parts,
        prompt: 'Rain?',
        stopWhen: stepCountIs(9),
        onChunk: ({ chunk }) => void events.push(chunk),
        onFinish: ({ totalUsage }) => void events.push(totalUsage),
      });
      const all: unknown[] = [];
      for await (const part of result.fullStream) all.push(part);
      return { all, messages: (await result.response).messages };
    },
  ],
  'an agent': [
    working,
    async (parts) => (await new ToolLoopAgent({ ...parts, instructions: 'Be brief.' }).generate({ prompt: 'Rain?' })).steps,
  ],
  'a call that the browser is to do': [
    () => ({ toolCalls: [{ name: 'browser', args: {}, id: 'c1' }] }),
    async (parts) => (await generateText({ ...parts, prompt: 'Rain?', stopWhen: stepCountIs(9) })).steps,
  ],
  'an object': [
    () => '{"rain":true}',
    async ({ model }) => (await generateObject({ model, schema, prompt: 'Rain?' })).toJsonResponse().json(),
  ],
  'an object, streamed': [
    () => '{"rain":true}',
    async ({ model }) => {
      const all: unknown[] = [];
      for await (const part of streamObject({ model, schema, prompt: 'Rain?' }).fullStream) all.push(part);
      return all;
    },
  ],
  'a structured output': [
    () => '{"rain":true}',
    async ({ model }) => (await generateText({ model, output: Output.object({ schema }), prompt: 'Rain?' })).output,
  ],
  'an error of the provider': [
    () => ({ fault: { kind: 'status', status: 400, message: 'Bad.' } }),
    (parts) =>
      generateText({ ...parts, prompt: 'Rain?' }).then(
        () => 'no error',
        (error: unknown) => error,
      ),
  ],
  'an error of the provider, streamed': [
    () => ({ fault: { kind: 'status', status: 400, message: 'Bad.' } }),
    async (parts, events) => {
      const all: unknown[] = [];
      for await (const part of streamText({ ...parts, prompt: 'Rain?', onError: ({ error }) => void events.push(error) }).fullStream)
        all.push(part);
      return all;
    },
  ],
  'a connection that breaks in the middle': [
    () => ({ text: 'It will rain tomorrow.', fault: { kind: 'reset', afterPieces: 3 } }),
    async (parts, events) => {
      const all: unknown[] = [];
      try {
        for await (const part of streamText({ ...parts, prompt: 'Rain?', onError: ({ error }) => void events.push(error) }).fullStream)
          all.push(part);
      } catch (error) {
        all.push(error);
      }
      return all;
    },
  ],
  'an empty answer': [
    () => ({ fault: { kind: 'empty' } }),
    async (parts) => {
      const all: unknown[] = [];
      for await (const part of streamText({ ...parts, prompt: 'Rain?', onError: () => {} }).fullStream) all.push(part);
      return all;
    },
  ],
};

async function played(script: OpenAIScript, play: Play, isGuarded: boolean): Promise<string> {
  await using server = await startOpenAIServer({ script });
  const plain = createOpenAI({ baseURL: server.url, apiKey: 'none' }).chat('gpt-4o-mini');
  const guard = createGuard();
  const events: unknown[] = [];
  const tools = { search, browser } as unknown as ToolSet;
  const parts: Parts = isGuarded ? { model: guardModel(plain, guard), tools: guardTools(tools, guard) } : { model: plain, tools };
  const result = await play(parts, events);
  await guard.close();
  const sent = server.requests.map(({ body }) => body);
  return told({ result, events, sent }).replaceAll(server.url, 'the server');
}

describe('a guarded loop that is not stopped is the same as an unguarded one', () => {
  it.each(Object.entries(plays))('%s', async (_name, [script, play]) => {
    expect(await played(script, play, true)).toBe(await played(script, play, false));
  });
});
