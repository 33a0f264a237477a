/** A budget for this run: it only ever tightens, and a session's limit can be set run by run. */
import { ChatOpenAI } from '@langchain/openai';
import { BudgetExceededError, createGuard } from 'holdfast';
import { guardModel } from 'holdfast/langchain';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { run: { usd: 0.5 }, session: { tokens: 200_000 } } });
  const model = guardModel(new ChatOpenAI({ model: 'gpt-4o' }), guard);

  const summary = await guard.run(
    { scopes: { session: 'chat-7', user: 'u1' }, budgets: { run: { usd: 0.05 }, session: { reasoningTokens: 5_000 } } },
    async (run) => {
      const reply = await model.invoke('Say hello in one word.', { signal: run.signal });
      return `${reply.text} ($${run.report().used.usd.toFixed(6)})`;
    },
  );
  say(summary);

  const refused = await guard
    .run({ budgets: { run: { inputTokens: 100 } } }, (run) => model.invoke('word '.repeat(5_000), { signal: run.signal }))
    .catch((error: unknown) => error);
  if (refused instanceof BudgetExceededError) say(refused.message);
}
