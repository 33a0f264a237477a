import { tool } from '@langchain/core/tools';
import { createGuard, notice, wrapUp } from 'holdfast';
import { guardAgent } from 'holdfast/langchain';
import { startOpenAIServer } from 'holdfast/testing';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

describe('the last answer of a run', () => {
  test('asks for nothing more, also when the model asks for a tool in it', async () => {
    await using server = await startOpenAIServer({
      script: (_, turn) => ({ text: `Page ${turn}.`, toolCalls: [{ name: 'read', args: { page: turn } }] }),
    });
    const read = tool(({ page }) => `page ${page}`, { name: 'read', description: 'Reads a page.', schema: z.object({ page: z.number() }) });
    const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', configuration: { baseURL: server.url } });
    const guard = createGuard({ budgets: { run: { steps: 6 } }, ladder: [notice({ at: 0.5 }), wrapUp({ reserve: 0.1 })] });

    const result = await guardAgent(createAgent({ model, tools: [read] }), guard).invoke({
      messages: [{ role: 'user', content: 'Read on' }],
    });

    const last = result.messages.at(-1);
    expect(last?.text).toMatch(/^Page \d\.$/);
    expect(last && 'tool_calls' in last ? last.tool_calls : []).toEqual([]);
    expect(server.requests.at(-1)?.tools).toEqual([]);
    expect(server.refusals).toEqual([]);
  });
});
