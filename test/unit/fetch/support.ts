import Anthropic from '@anthropic-ai/sdk';
import { createGuard, type EndedStepInfo, type Guard, type GuardOptions, type RunReport } from 'holdfast';
import { guardFetch, type GuardFetchOptions } from 'holdfast/fetch';
import { startOpenAIServer, type OpenAIScript, type OpenAIServer } from 'holdfast/testing';
import OpenAI from 'openai';
import { afterEach } from 'vitest';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

export interface World {
  readonly server: OpenAIServer;
  readonly guard: Guard<string, unknown>;
  readonly fetch: typeof globalThis.fetch;
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  readonly steps: EndedStepInfo[];
  readonly reports: RunReport[];
}

/** A guard, a played model, and the clients between them. */
export async function world(
  script: OpenAIScript,
  options: GuardOptions<string> = {},
  fetchOptions: GuardFetchOptions = {},
  maxRetries = 2,
): Promise<World> {
  const server = await startOpenAIServer({ script });
  const guard = createGuard<string, unknown>(options);
  open.push(server, guard);
  const fetch = guardFetch(guard, fetchOptions);
  const steps: EndedStepInfo[] = [];
  const reports: RunReport[] = [];
  guard.on('step:end', ({ step }) => void steps.push(step));
  guard.on('run:end', ({ report }) => void reports.push(report));
  return {
    server,
    guard,
    fetch,
    openai: new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries, fetch }),
    anthropic: new Anthropic({ baseURL: server.origin, apiKey: 'none', maxRetries, fetch }),
    steps,
    reports,
  };
}

export const asked = { messages: [{ role: 'user' as const, content: 'Rain?' }] };
export const gpt = { model: 'gpt-4o', ...asked };
export const claude = { model: 'claude-haiku-4-5', max_tokens: 1_000, ...asked };
