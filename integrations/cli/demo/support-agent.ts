import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import type { OpenAIScript } from 'holdfast/testing';
import { createAgent } from 'langchain';
import { z } from 'zod';

const instructions =
  'You are a support agent of a shop. Find out what the customer wants to know with the tools that you have. ' +
  'Never guess about an order: look it up, and look it up again if the look-up fails.';

/** An agent with a tool that is broken: the order service times out, with other words each time. */
export function supportAgent(client: { baseURL: string | undefined; apiKey: string; model: string }) {
  const { baseURL, apiKey, model } = client;
  let request = 0;
  const lookUpOrder = tool(
    ({ order }) => {
      request += 1;
      const took = 2_000 + ((request * 37) % 90);
      return `order service: no answer about ${order} within ${took} ms (request req_${(7919 * request).toString(16)}, node ${request % 3}). ${advice}`;
    },
    {
      name: 'look_up_order',
      description: 'Reads the state of an order from the order service.',
      schema: z.object({ order: z.string().describe('the number of the order'), reason: z.string().optional().describe('why you look') }),
    },
  );
  const chat = new ChatOpenAI({
    model,
    apiKey,
    maxRetries: 0,
    ...(baseURL === undefined ? {} : { configuration: { baseURL } }),
  });
  return createAgent({ model: chat, tools: [lookUpOrder], systemPrompt: instructions });
}

/** What the service says with each failure: just what makes a model try again. */
const advice =
  'The upstream shard is being rebalanced. This is usually over within seconds. Please try again; if the problem persists, try again ' +
  'with the full number of the order. Support staff should not give customers an estimate before the state of the order is known.';

const reasons = [
  'the first look-up failed',
  'to be sure',
  'perhaps it is over now',
  'once more',
  'the customer is waiting',
  'a last time',
  'one more try',
];

/** The model of the demo: it looks the order up, reads that it should try again, and does, for ever. */
export const stubbornModel: OpenAIScript = (_, turn) => ({
  text:
    turn === 0
      ? 'Let me look that up for you.'
      : `The order service did not answer (${reasons[turn % reasons.length]}). I will look it up again.`,
  toolCalls: [{ name: 'look_up_order', args: { order: 'A-1042', reason: reasons[turn % reasons.length] } }],
  pieceDelayMs: 0,
});
