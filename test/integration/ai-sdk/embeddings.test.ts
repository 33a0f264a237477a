import { embed, embedMany, generateText, jsonSchema, stepCountIs, tool } from 'ai';
import { createGuard, HaltError } from 'holdfast';
import { guardEmbeddingModel, guardModel, guardTools } from 'holdfast/ai-sdk';
import { expect, it } from 'vitest';
import { endedRuns, playedSdk, served } from './support/sdk.ts';

it('gives the same vectors, and books what the provider bills, for the ids of the call', async () => {
  await using sdk = await playedSdk(() => '');
  const guard = createGuard({ budgets: { user: { usd: 1, window: 'day' } } });
  const reports = endedRuns(guard);
  const model = guardEmbeddingModel(sdk.embedding(), guard);
  const plain = await embed({ model: sdk.embedding(), value: 'Will it rain?' });
  const one = await embed({ model, value: 'Will it rain?', providerOptions: { holdfast: { user: 'u1' } } });
  expect([one.embedding, one.usage]).toEqual([plain.embedding, plain.usage]);
  expect(sdk.server.requests[1]?.body).toEqual(sdk.server.requests[0]?.body);
  const many = await embedMany({ model, values: ['rain', 'snow'], providerOptions: { holdfast: { user: 'u1' } } });
  expect(many.embeddings).toHaveLength(2);
  await guard.close();
  const { used } = await guard.read('user', 'u1');
  const billed = served({ requests: sdk.server.requests.slice(1) });
  expect(used).toMatchObject({ modelCalls: 2, ...billed });
  expect(used.usd).toBeGreaterThan(0);
  expect(reports.map(({ used: { modelCalls } }) => modelCalls)).toEqual([1, 1]);
});

it('is refused before anything is sent, with the run’s own error', async () => {
  await using sdk = await playedSdk(() => '');
  const guard = createGuard({ budgets: { run: { inputTokens: 100 } }, fallback: () => 'no vectors' });
  const model = guardEmbeddingModel(sdk.embedding(), guard);
  const error: unknown = await embed({ model, value: 'word '.repeat(5_000) }).catch((thrown: unknown) => thrown);
  expect(HaltError.is(error)).toBe(true);
  expect(error).toBe(guard.lastHalt());
  expect(sdk.server.requests).toEqual([]);
  await guard.close();
});

it('is a step of the run whose tool embeds', async () => {
  await using sdk = await playedSdk(({ api }, turn) =>
    api === 'chat' && turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'Yes.',
  );
  const guard = createGuard();
  const reports = endedRuns(guard);
  const embeddings = guardEmbeddingModel(sdk.embedding(), guard);
  const search = tool({
    description: 'Searches.',
    inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } } }),
    execute: async ({ query }) => `found ${(await embed({ model: embeddings, value: query })).embedding.length} numbers`,
  });
  const { text } = await generateText({
    model: guardModel(sdk.chat(), guard),
    tools: guardTools({ search }, guard),
    prompt: 'Rain?',
    stopWhen: stepCountIs(5),
  });
  expect(text).toBe('Yes.');
  await guard.close();
  expect(reports).toMatchObject([{ used: { modelCalls: 3, toolCalls: 1, ...served(sdk.server) } }]);
});

it('books the hold where no usage is told, and lets go of what was aborted or failed', async () => {
  await using sdk = await playedSdk(({ index }) =>
    index === 0 ? { usage: 'missing' } : index === 1 ? { fault: { kind: 'hang' } } : { fault: { kind: 'status', status: 400 } },
  );
  const guard = createGuard({ budgets: { user: { tokens: 100_000 } } });
  const model = guardEmbeddingModel(sdk.embedding(), guard);
  const seen: unknown[] = [];
  guard.on('step:end', ({ step }) => void seen.push([step.outcome, step.isEstimated, step.used.inputTokens > 0]));
  const controller = new AbortController();
  await embed({ model, value: 'rain' });
  const hanging = embed({ model, value: 'rain', abortSignal: controller.signal, maxRetries: 0 });
  while (sdk.server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  await expect(hanging).rejects.toThrow();
  await expect(embed({ model, value: 'rain', maxRetries: 0 })).rejects.toMatchObject({ statusCode: 400 });
  await guard.close();
  expect(seen).toEqual([
    ['ok', true, true],
    ['error', true, true],
    ['error', false, false],
  ]);
  expect((await guard.read('user')).held.tokens).toBe(0);
});
