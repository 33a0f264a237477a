import { APIConnectionTimeoutError as AnthropicTimeoutError } from '@anthropic-ai/sdk';
import { APIConnectionTimeoutError } from 'openai';
import { expect, it } from 'vitest';
import { claude, gpt, world, type World } from './support.ts';

const calls: Record<string, (made: World, timeout: number) => Promise<unknown>> = {
  'Chat Completions': ({ openai }, timeout) => openai.chat.completions.create(gpt, { timeout }),
  'Chat Completions, streamed': ({ openai }, timeout) => openai.chat.completions.create({ ...gpt, stream: true }, { timeout }),
  Responses: ({ openai }, timeout) => openai.responses.create({ model: 'gpt-4o', input: 'Rain?' }, { timeout }),
  Messages: ({ anthropic }, timeout) => anthropic.messages.create(claude, { timeout }),
};

it.each(Object.entries(calls))('a client that waits no longer is heard, and each of its tries is booked: %s', async (_name, ask) => {
  const made = await world(() => ({ text: 'Yes.', delayMs: 60_000 }), { budgets: { global: { tokens: 100_000 } } }, {}, 1);
  const { server, steps, reports, guard } = made;
  const error: unknown = await ask(made, 50).catch((thrown: unknown) => thrown);
  expect(error instanceof APIConnectionTimeoutError || error instanceof AnthropicTimeoutError).toBe(true);
  await expect.poll(() => reports.length).toBe(2);
  await expect.poll(() => server.requests.every(({ aborted }) => aborted)).toBe(true);
  // What was sent is billed, be it read or not.
  expect(steps).toMatchObject([
    { outcome: 'error', isEstimated: true },
    { outcome: 'error', isEstimated: true },
  ]);
  expect(steps.every(({ used }) => used.inputTokens > 0)).toBe(true);
  expect((await guard.read('global')).held.tokens).toBe(0);
});
