/** Attach a callback handler: it meters everything that LangChain shows, and can only stop. */
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard, HaltError } from 'holdfast';
import { GuardCallbackHandler } from 'holdfast/langchain';
import { createAgent } from 'langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const search = tool(({ query }) => `Nothing new about ${query}.`, {
    name: 'search',
    description: 'Searches the web.',
    schema: z.object({ query: z.string() }),
  });
  const executor = createAgent({ model: new ChatOpenAI({ model: 'gpt-4o-mini' }), tools: [search] });

  const guard = createGuard({ budgets: { run: { steps: 4 }, user: { usd: 0.5, window: 'day' } } });

  try {
    await executor.invoke(
      { messages: [{ role: 'user', content: 'What is new?' }] },
      { callbacks: [new GuardCallbackHandler(guard)], metadata: { session_id: 's1', user_id: 'u1' } },
    );
  } catch (error) {
    if (!HaltError.is(error)) throw error;
    say(error.message);
  }

  const alice = await guard.read('user', 'u1');
  say(`user u1 has used $${alice.used.usd.toFixed(6)} of $${alice.limits.usd} today`);
}
