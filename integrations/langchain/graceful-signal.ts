import type { Run } from 'holdfast';
import { detached } from './detached.ts';
import { comingAnswer } from './halt-answers.ts';

/** How long a halted agent may take to end by itself, once the answer to its halt is there. */
const LANDING_MAX_MS = 1_000;

/** The signals of runs whose agent may land. */
const landings = new WeakMap<Run, () => void>();

/** The agent's hooks have done their part, and there is no answer to give: the run's signal may abort now. */
export const hasLanded = (run: Run): void => landings.get(run)?.();

/** The signal that a guarded agent's host gets. */
export interface GracefulSignal {
  readonly signal: AbortSignal;
  /** The call is over. What is still under way in a halted run is told to stop. */
  stop(): void;
}

/**
 * A signal that aborts with the run's, for the same reason. Where the guard's middleware is in the agent (`canLand`), it
 * lets go of what is under way and ends the agent in order: every tool call gets its result, and the halt its answer. An
 * abort at once would cut that off, so it comes only where the agent does not end by itself.
 */
export function gracefulSignal(run: Run, canLand: boolean): GracefulSignal {
  if (!canLand) return { signal: run.signal, stop: () => {} };
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const abort = (): void => controller.abort(run.signal.reason);
  const later = (act: () => void): void => {
    timer = setTimeout(act, LANDING_MAX_MS).unref();
  };
  const onAbort = (): void =>
    later(() => {
      const coming = comingAnswer(run);
      if (coming) detached(coming.then(() => later(abort)));
      else abort();
    });
  if (run.signal.aborted) abort();
  else run.signal.addEventListener('abort', onAbort, { once: true });
  landings.set(run, abort);
  return {
    signal: controller.signal,
    stop() {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', onAbort);
      if (run.signal.aborted) abort();
    },
  };
}
