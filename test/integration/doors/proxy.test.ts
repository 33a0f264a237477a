import { findHaltError } from 'holdfast';
import { APIError } from 'openai';
import { APIError as AnthropicError } from '@anthropic-ai/sdk';
import { expect } from 'vitest';
import { checkedConfiguration } from '../../../integrations/cli/proxy/configuration/load.ts';
import { secretsFrom } from '../../../integrations/cli/proxy/configuration/secret.ts';
import { serveProxy } from '../../../integrations/cli/proxy/serve-proxy.ts';
import { allowsAll, type Door, type DoorAgent, type DoorParts } from './door.ts';
import { chatTalk, loop, messagesTalk, openAIClient, responsesTalk, type Talk } from './fetch-agents.ts';
import { doorScenes } from './scenes.ts';

/** Over the network only the facts arrive, in the client's own typed error. */
const byFacts: Door['tellsHalt'] = (told, halt) => {
  const error = 'error' in told ? told.error : undefined;
  expect(error instanceof APIError || error instanceof AnthropicError).toBe(true);
  expect((error as Error).message).toContain(halt.message);
  expect(findHaltError(error)).toBeUndefined();
};

const allowed: Door['allows'] = {
  ...allowsAll,
  retry: 'each try is a step of its own',
  same: 'a broken connection is told as a 502',
};

/** The agent of one's own, with nothing changed but its base URL. */
async function behindProxy(
  parts: DoorParts,
  talk: (parts: DoorParts, question: string, options: Parameters<typeof loop>[2]) => Talk,
): Promise<DoorAgent> {
  const { guard, server, search } = parts;
  const proxy =
    guard &&
    (await serveProxy({
      configuration: checkedConfiguration({}),
      secrets: secretsFrom({}),
      upstream: server.url,
      port: 0,
      host: '127.0.0.1',
      guard,
    }));
  const seen: DoorParts = proxy ? { ...parts, server: { ...server, url: `${proxy.url}/v1`, origin: proxy.url } } : parts;
  return {
    ask: (question, options) => loop(talk(seen, question, options), search, options),
    close: async () => void (await proxy?.close()),
  };
}

doorScenes({
  name: 'holdfast proxy: OpenAI Chat Completions',
  allows: allowed,
  adds: ['stream_options'],
  tellsHalt: byFacts,
  open: (given) =>
    behindProxy(given, (parts, question, options) => chatTalk(openAIClient(parts, undefined), parts.model, question, options)),
});

doorScenes({
  name: 'holdfast proxy: OpenAI Responses',
  allows: allowed,
  tellsHalt: byFacts,
  open: (given) =>
    behindProxy(given, (parts, question, options) => responsesTalk(openAIClient(parts, undefined), parts.model, question, options)),
});

doorScenes({
  name: 'holdfast proxy: Anthropic Messages',
  allows: allowed,
  tellsHalt: byFacts,
  models: { usual: 'claude-sonnet-4-6', cheaper: 'claude-haiku-4-5' },
  open: (given) => behindProxy(given, (parts, question, options) => messagesTalk(parts, undefined, parts.model, question, options)),
});
