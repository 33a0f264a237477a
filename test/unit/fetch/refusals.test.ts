import { PermissionDeniedError } from '@anthropic-ai/sdk';
import { guardFetch, haltErrorOf } from 'holdfast/fetch';
import { APIError, RateLimitError } from 'openai';
import { expect, it } from 'vitest';
import { claude, gpt, world } from './support.ts';

const thrownBy = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  );

it('a budget that waiting does not bring back is refused with 402, once, with the facts', async () => {
  const { openai, anthropic, guard, server } = await world(() => 'Yes.', { budgets: { global: { inputTokens: 1 } } });
  const error = await thrownBy(openai.chat.completions.create(gpt));
  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({
    status: 402,
    code: 'budget_exceeded',
    error: { holdfast: { cause: 'budget', scope: 'global', dimension: 'inputTokens', limit: 1, used: 0, resetsAt: null } },
  });
  expect(haltErrorOf(guard, error)).toBe(guard.lastHalt());
  expect(haltErrorOf(guard, new Error('wrapped', { cause: error }))).toBe(guard.lastHalt());
  expect(haltErrorOf(guard, new Error('another'))).toBeUndefined();
  expect(await thrownBy(anthropic.messages.create({ ...claude, stream: true }))).toMatchObject({
    status: 402,
    error: { type: 'error', error: { type: 'billing_error', holdfast: { code: 'budget_exceeded', limit: 1 } } },
  });
  expect(await thrownBy(openai.embeddings.create({ model: 'text-embedding-3-small', input: 'rain' }))).toMatchObject({ status: 402 });
  expect(server.requests).toEqual([]);
  expect(JSON.stringify((error as APIError).error)).not.toContain('Rain?');
});

it('a window is refused with 429 and the time until it opens again', async () => {
  const { openai, fetch, server, guard } = await world(() => 'Yes.', { budgets: { user: { modelCalls: 1, window: 'day' } } });
  await openai.chat.completions.create(gpt);
  const error = await thrownBy(openai.chat.completions.create(gpt));
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({ status: 429, code: 'budget_exceeded' });
  const response = await fetch(`${server.url}/chat/completions`, { method: 'POST', body: JSON.stringify(gpt) });
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(response.headers.get('x-should-retry')).toBe('false');
  expect(response.headers.get('x-holdfast')).toBe('budget_exceeded');
  expect(server.requests).toHaveLength(1);
  expect(haltErrorOf(guard, error)?.halt.denial?.resetsAt).toBeGreaterThan(Date.now());
});

it('an input that is too large is refused with 413', async () => {
  const { openai } = await world(() => 'Yes.', { input: { maxTokens: 5, onExcess: 'reject' } });
  const messages = [{ role: 'user' as const, content: 'rain '.repeat(100) }];
  expect(await thrownBy(openai.chat.completions.create({ model: 'gpt-4o', messages }))).toMatchObject({
    status: 413,
    error: { holdfast: { cause: 'input', input: { maxTokens: 5 } } },
  });
});

it('an error of the provider’s own stays what it is', async () => {
  const { anthropic, guard } = await world(() => ({ fault: { kind: 'status', status: 403 } }));
  const error = await thrownBy(anthropic.messages.create(claude));
  expect(error).toBeInstanceOf(PermissionDeniedError);
  expect(haltErrorOf(guard, error)).toBeUndefined();
});

it('outside of runs a fallback answers in the provider’s words, whole and streamed', async () => {
  const { server, openai, anthropic } = await world(() => 'Never.');
  const { createGuard } = await import('holdfast');
  const guard = createGuard({ budgets: { global: { modelCalls: 0 } }, fallback: (halt) => `Sorry (${halt.cause}).` });
  const fetch = guardFetch(guard);
  const [mine, claudes] = [openai.withOptions({ fetch }), anthropic.withOptions({ fetch })];
  const text = 'Sorry (budget).';
  expect((await mine.chat.completions.create(gpt)).choices[0]?.message.content).toBe(text);
  expect((await mine.chat.completions.stream(gpt).finalChatCompletion()).choices[0]?.message.content).toBe(text);
  const asked = { model: 'gpt-4o', input: 'Rain?' };
  expect((await mine.responses.create(asked)).output_text).toBe(text);
  expect((await mine.responses.stream(asked).finalResponse()).output_text).toBe(text);
  expect((await claudes.messages.create(claude)).content).toMatchObject([{ text }]);
  expect((await claudes.messages.stream(claude).finalMessage()).content).toMatchObject([{ text }]);
  // A text is no vector.
  const vectors = mine.embeddings.create({ model: 'text-embedding-3-small', input: 'rain' });
  expect(await thrownBy(vectors)).toMatchObject({ status: 402, code: 'budget_exceeded' });
  expect(server.requests).toEqual([]);
  await guard.close();
});
