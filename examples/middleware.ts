/** LangChain v1 middleware: every attempt is metered, and a halted run ends with your answer as its last message. */
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { createGuard } from 'holdfast';
import { guardMiddleware } from 'holdfast/langchain';
import { createAgent } from 'langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const readPage = tool(({ page }) => `page ${page}: lorem ipsum`, {
    name: 'read_page',
    description: 'Reads a page of the manual.',
    schema: z.object({ page: z.number() }),
  });

  const guard = createGuard({
    budgets: { session: { tokens: 2_000 } },
    fallback: () => 'This conversation has used up its budget for today.',
  });
  const agent = createAgent({
    model: new ChatOpenAI({ model: 'gpt-4o-mini' }),
    tools: [readPage],
    middleware: [guardMiddleware(guard)],
  });

  const result = await agent.invoke(
    { messages: [{ role: 'user', content: 'Read me the whole manual' }] },
    { configurable: { session_id: 'chat-7', user_id: 'u1' }, recursionLimit: 200 },
  );

  say(result.messages.at(-1)?.text);
  const session = await guard.read('session', 'chat-7');
  say(`the session used ${session.used.tokens} of ${session.limits.tokens} tokens`);
}
