import { OpenAIProvider, Runner, tool, type RunConfig } from '@openai/agents';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import OpenAI from 'openai';
import { z } from 'zod';

/** The SDK's real client against a local server that plays the model. */
export interface PlayedAgents extends AsyncDisposable {
  readonly server: OpenAIServer;
  readonly provider: OpenAIProvider;
  readonly runner: Runner;
}

export async function playedAgents(
  script: OpenAIScript,
  { useResponses = true, maxRetries = 2, ...config }: Partial<RunConfig> & { useResponses?: boolean; maxRetries?: number } = {},
): Promise<PlayedAgents> {
  const server = await startOpenAIServer({ script });
  const client = new OpenAI({ apiKey: 'none', baseURL: server.url, maxRetries });
  const provider = new OpenAIProvider({ openAIClient: client as never, useResponses });
  return {
    server,
    provider,
    runner: new Runner({ modelProvider: provider, tracingDisabled: true, model: 'gpt-4o-mini', ...config }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** A tool that tells of its weather, and how often it was asked. */
export function searchTool(answer: (query: string) => unknown = (query) => `It rains: ${query}.`) {
  const asked: string[] = [];
  const search = tool({
    name: 'search',
    description: 'Searches the web.',
    parameters: z.object({ query: z.string() }),
    execute: async ({ query }) => {
      asked.push(query);
      return answer(query);
    },
  });
  return { search, asked };
}

export { endedRuns, served } from '../../../support/played-runs.ts';
