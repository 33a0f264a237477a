import type { Run } from 'holdfast';
import { comingAnswer } from './halt-answers.ts';
import { detached } from './detached.ts';

/**
 * The signal that a guarded agent's host gets. It aborts with the run's, for the same reason; where a middleware may
 * answer a halt, it waits a moment to see whether it does, for an abort would cut the answer off.
 */
export function gracefulSignal(run: Run, mayAnswer: boolean): { readonly signal: AbortSignal; readonly stop: () => void } {
  if (!mayAnswer) return { signal: run.signal, stop: () => {} };
  const controller = new AbortController();
  const abort = (): void => controller.abort(run.signal.reason);
  const onAbort = (): void => {
    // The refused hook is told in the microtasks that follow, and asks for an answer then.
    setImmediate(() => {
      const coming = comingAnswer(run);
      if (coming) detached(coming.then((answer) => answer ?? abort()));
      else abort();
    });
  };
  if (run.signal.aborted) abort();
  else run.signal.addEventListener('abort', onAbort, { once: true });
  return { signal: controller.signal, stop: () => run.signal.removeEventListener('abort', onAbort) };
}
