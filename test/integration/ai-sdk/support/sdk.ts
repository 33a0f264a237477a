import { createOpenAI } from '@ai-sdk/openai';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import type { HostEmbeddingModel, HostModel } from 'holdfast/ai-sdk';
import { jsonSchema, tool } from 'ai';

/** The SDK's real client against a local server that plays the model. */
export interface PlayedSdk extends AsyncDisposable {
  readonly server: OpenAIServer;
  readonly chat: (name?: string) => HostModel;
  readonly responses: (name?: string) => HostModel;
  readonly embedding: () => HostEmbeddingModel;
}

export async function playedSdk(script: OpenAIScript): Promise<PlayedSdk> {
  const server = await startOpenAIServer({ script });
  const openai = createOpenAI({ baseURL: server.url, apiKey: 'none' });
  return {
    server,
    chat: (name = 'gpt-4o-mini') => openai.chat(name),
    responses: (name = 'gpt-4o-mini') => openai.responses(name),
    embedding: () => openai.embedding('text-embedding-3-small'),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** A tool that tells of its weather, and how often it was asked. */
export function searchTool(answer: (query: string) => unknown = (query) => `It rains: ${query}.`) {
  const asked: string[] = [];
  const search = tool({
    description: 'Searches the web.',
    inputSchema: jsonSchema<{ query: string }>({ type: 'object', properties: { query: { type: 'string' } }, required: ['query'] }),
    execute: ({ query }) => {
      asked.push(query);
      return answer(query);
    },
  });
  return { search, asked };
}

export { endedRuns, served } from '../../../support/played-runs.ts';
