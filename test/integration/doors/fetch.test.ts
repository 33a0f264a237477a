import { APIError as AnthropicError } from '@anthropic-ai/sdk';
import { guardFetch, haltErrorOf } from 'holdfast/fetch';
import { APIError } from 'openai';
import { expect } from 'vitest';
import { allowsAll, type AnyGuard, type Asked, type Door } from './door.ts';
import { chatTalk, loop, messagesTalk, openAIClient, responsesTalk } from './fetch-agents.ts';
import { doorScenes } from './scenes.ts';

/** Outside of a run the client's own typed error is what is thrown; the guard's is behind it. */
const byClient =
  (guard: () => AnyGuard | undefined): Door['tellsHalt'] =>
  (told, halt) => {
    const error = 'error' in told ? told.error : undefined;
    expect(error instanceof APIError || error instanceof AnthropicError).toBe(true);
    expect(error).toMatchObject({ status: 402 });
    expect(haltErrorOf(guard()!, error)).toBe(halt);
  };

let newest: AnyGuard | undefined;

doorScenes({
  name: 'guardFetch: OpenAI Chat Completions, in guard.run',
  allows: allowsAll,
  adds: ['stream_options'],
  tellsHalt: 'instance',
  open(parts) {
    const { guard, model, search } = parts;
    const client = openAIClient(parts, guard && guardFetch(guard));
    const ask = (question: string, options: Parameters<typeof loop>[2]): Promise<Asked> =>
      loop(chatTalk(client, model, question, options), search, options);
    return { ask: (question, options) => (guard ? (guard.run(() => ask(question, options)) as Promise<Asked>) : ask(question, options)) };
  },
});

doorScenes({
  name: 'guardFetch: OpenAI Responses',
  allows: allowsAll,
  tellsHalt: byClient(() => newest),
  open(parts) {
    newest = parts.guard;
    const client = openAIClient(parts, parts.guard && guardFetch(parts.guard));
    return { ask: (question, options) => loop(responsesTalk(client, parts.model, question, options), parts.search, options) };
  },
});

doorScenes({
  name: 'guardFetch: Anthropic Messages',
  allows: allowsAll,
  tellsHalt: byClient(() => newest),
  models: { usual: 'claude-sonnet-4-6', cheaper: 'claude-haiku-4-5' },
  open(parts) {
    newest = parts.guard;
    const fetch = parts.guard && guardFetch(parts.guard);
    return { ask: (question, options) => loop(messagesTalk(parts, fetch, parts.model, question, options), parts.search, options) };
  },
});
