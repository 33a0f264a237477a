import { BudgetExceededError, type Guard, type RunOptions } from 'holdfast';
import { modelCall, toolCall, type usage } from './guards.ts';

export type AnyGuard = Guard<string, unknown>;

/** One tool step in a run of its own. */
export const spend = (guard: AnyGuard, options: RunOptions<string> = {}): Promise<unknown> =>
  guard.run(options, (run) => run.step(toolCall(), () => ({ output: 'ok' })));

/** One model step with this usage, in a run of its own. */
export const think = (guard: AnyGuard, used: ReturnType<typeof usage>, options: RunOptions<string> = {}): Promise<unknown> =>
  guard.run(options, (run) => run.step(modelCall({ reasoning: { maxTokens: 200 } }), () => ({ output: 'ok', usage: used })));

/** How many calls of a function succeed before the first refusal. */
export async function countUntilRefused(act: () => Promise<unknown>, most = 50): Promise<number> {
  for (let done = 0; done < most; done += 1) {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BudgetExceededError)) throw error;
      return done;
    }
  }
  return most;
}
