/** What a halt tells: which scope, which dimension, how much, when to come back; and what the run had done. */
import { createGuard, BudgetExceededError } from 'holdfast';

export async function main(say = console.log): Promise<void> {
  const guard = createGuard({ budgets: { run: { toolCalls: 2 }, user: { usd: 5, window: 'day' } } });
  guard.on('run:halt', ({ halt }) => say(`event: ${halt.cause} at step ${halt.step}`));

  const error = await guard
    .run({ scopes: { user: 'u1' } }, async (run) => {
      for (let page = 1; ; page += 1)
        await run.step({ kind: 'tool', name: 'read_page', args: { page } }, () => ({ output: `page ${page}` }));
    })
    .catch((caught: unknown) => caught);

  if (!(error instanceof BudgetExceededError)) throw error;
  const { scope, dimension, limit, used, resetsAt } = error.halt.denial ?? {};
  say(error.message);
  say(`${error.code}: ${scope}.${dimension}, ${used} of ${limit}, resets ${resetsAt === null ? 'never' : resetsAt}`);
  say(`the run made ${error.report.used.steps} steps: ${JSON.stringify(error.report.tools['read_page']?.calls)} × read_page`);
  say(`the same error again: ${guard.lastHalt({ user: 'u1' }) === error}`);
}
