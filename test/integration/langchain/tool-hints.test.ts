import { tool } from '@langchain/core/tools';
import { createGuard, type Detector, type ToolHints } from 'holdfast';
import { guardMiddleware, guardTools } from 'holdfast/langchain';
import { startOpenAIServer } from 'holdfast/testing';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

/** Notes what detectors are told of tools. */
function listening() {
  const heard: (ToolHints | undefined)[] = [];
  const detector: Detector = {
    name: 'listener',
    observe(step) {
      if (step.kind === 'tool') heard.push(step.hints);
      return undefined;
    },
  };
  return { heard, guard: createGuard({ detectors: [detector] }) };
}

const pay = (metadata: Record<string, unknown>) =>
  tool(() => 'paid', { name: 'pay', description: 'Pays.', schema: z.object({}), metadata });

describe('what a tool says of itself in MCP’s words', () => {
  test.each([
    ['under annotations, as adapters of MCP put it', { annotations: { readOnlyHint: false, destructiveHint: true, title: 'Pay' } }],
    ['in its metadata', { readOnlyHint: false, destructiveHint: true }],
  ])('reaches the detectors through the middleware: %s', async (_, metadata) => {
    await using server = await startOpenAIServer({
      script: (__, turn) => (turn === 0 ? { toolCalls: [{ name: 'pay', args: {} }] } : 'Paid.'),
    });
    const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', configuration: { baseURL: server.url } });
    const { heard, guard } = listening();
    await createAgent({ model, tools: [pay(metadata)], middleware: [guardMiddleware(guard)] }).invoke({
      messages: [{ role: 'user', content: 'Pay.' }],
    });
    expect(heard).toEqual([{ readOnlyHint: false, destructiveHint: true }]);
  });

  test('reaches them through guarded tools, and nothing is made up where it says nothing', async () => {
    const { heard, guard } = listening();
    const [guarded, silent] = guardTools([pay({ annotations: { idempotentHint: true } }), pay({})], guard);
    await guard.run(async () => {
      await guarded?.invoke({});
      await silent?.invoke({});
    });
    expect(heard).toEqual([{ idempotentHint: true }, undefined]);
  });
});
