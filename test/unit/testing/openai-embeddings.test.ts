import OpenAI from 'openai';
import { afterEach, expect, it } from 'vitest';
import { startOpenAIServer, type OpenAIServer } from '../../../src/testing/openai-server.ts';

const servers: OpenAIServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const serve = async (): Promise<{ server: OpenAIServer; client: OpenAI }> => {
  const server = await startOpenAIServer({ script: () => 'unused' });
  servers.push(server);
  return { server, client: new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries: 0 }) };
};

it('gives a vector for each input, and counts the input alone', async () => {
  const { client, server } = await serve();
  const { data, usage } = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['rain today', 'snow'] });
  expect(data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
  expect(data[0]?.embedding).not.toEqual(data[1]?.embedding);
  expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  expect(server.requests[0]).toMatchObject({ api: 'embeddings', usage: { inputTokens: 3, outputTokens: 0 } });
});

it('takes tokens and floats, and refuses an empty input', async () => {
  const { client } = await serve();
  const { data } = await client.embeddings.create({ model: 'm', input: [1, 2, 3], encoding_format: 'float' });
  expect(data).toHaveLength(1);
  await expect(client.embeddings.create({ model: 'm', input: '' })).rejects.toMatchObject({ status: 400 });
});
