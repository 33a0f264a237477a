/** Vercel's AI SDK: each execution of its loop is a run, of whom the call names, and ends with an answer. */
import { createOpenAI } from '@ai-sdk/openai';
import { stepCountIs, streamText, tool } from 'ai';
import { createGuard, wrapUp } from 'holdfast';
import { guardModel, guardTools } from 'holdfast/ai-sdk';
import { z } from 'zod';

export async function main(say = console.log): Promise<void> {
  const openai = createOpenAI();
  const readPage = tool({
    description: 'Reads a page of the manual.',
    inputSchema: z.object({ page: z.number() }),
    execute: ({ page }) => `Page ${page}: chapter ${page} of the manual.`,
  });

  const guard = createGuard({
    budgets: { run: { steps: 12 }, user: { usd: 0.5, window: 'day' } },
    ladder: [wrapUp({ reserve: 0.1 })],
  });

  const { textStream } = streamText({
    model: guardModel(openai.chat('gpt-4o-mini'), guard),
    tools: guardTools({ read_page: readPage }, guard),
    prompt: 'What is in the manual?',
    stopWhen: stepCountIs(100),
    providerOptions: { holdfast: { user: 'u1', session: 'chat-7' } },
  });

  let text = '';
  for await (const piece of textStream) text += piece;
  say(text.split('\n').at(-1));
  const { used, limits } = await guard.read('user', 'u1');
  say(`user u1 has used $${used.usd.toFixed(4)} of $${limits.usd} today, in ${used.steps} steps`);
}
