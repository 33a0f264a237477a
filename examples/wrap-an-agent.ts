/** Wrap an agent executor: a run that goes in circles is stopped, and the caller gets an answer. */
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard } from 'holdfast';
import { guardAgent } from 'holdfast/langchain';
import { createAgent } from 'langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const findFlight = tool(({ to }) => `The booking service did not answer about ${to}.`, {
    name: 'find_flight',
    description: 'Finds a flight.',
    schema: z.object({ to: z.string() }),
  });
  const executor = createAgent({ model: new ChatOpenAI({ model: 'gpt-4o' }), tools: [findFlight] });

  const guard = createGuard({
    budgets: { run: { usd: 0.5, steps: 60, duration: '2m' } },
    fallback: (halt) => `I could not finish this (${halt.cause}). A colleague will write to you.`,
  });
  const agent = guardAgent(executor, guard);

  const result = await agent.invoke({ messages: [{ role: 'user', content: 'Find me a flight to Oslo' }] });

  say(result.messages.at(-1)?.text);
  say(`stopped because: ${guard.lastHalt()?.halt.reason}`);
}
