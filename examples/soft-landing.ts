/** The soft landing: first cheaper and shorter, then a last answer from what there is, then a person. Only then an error. */
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { cheaperModel, createGuard, handoff, notice, shorterReplies, summarizedHistory, wrapUp } from 'holdfast';
import { guardAgent } from 'holdfast/langchain';
import { createAgent } from 'langchain';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const readPage = tool(({ page }) => `Page ${page}: chapter ${page} of the manual.`, {
    name: 'read_page',
    description: 'Reads a page of the manual.',
    schema: z.object({ page: z.number() }),
  });
  const executor = createAgent({ model: new ChatOpenAI({ model: 'gpt-4o' }), tools: [readPage] });

  const openTicket = (): string => 'A colleague will read the rest for you.';

  const guard = createGuard({
    budgets: { run: { usd: 0.5, steps: 12 } },
    ladder: [
      notice({ at: 0.5 }),
      cheaperModel('gpt-4o-mini', { at: 0.8 }),
      shorterReplies({ at: 0.8, maxOutputTokens: 300 }),
      summarizedHistory({ at: 0.9 }),
      wrapUp({ reserve: 0.1 }),
      handoff(openTicket),
    ],
  });
  guard.on('ladder:climb', ({ step, rung, detail }) => say(`step ${step}: ${rung} (${detail})`));

  const agent = guardAgent(executor, guard);
  const result = await agent.invoke({ messages: [{ role: 'user', content: 'What is in the manual?' }] }, { recursionLimit: 100 });

  say(result.messages.at(-1)?.text);
}
