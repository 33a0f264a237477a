import type { Run } from 'holdfast';
import { detached } from './host.ts';

/** Runs that wait for a person's approval, by the state with which they are resumed. */
export interface PausedRuns {
  add(state: object, run: Run): void;
  /** Hands the run over to the call that resumes it. */
  take(state: object): Run | undefined;
}

/** A person who has not come back after so long has left. */
const WAIT_MAX_MS = 60 * 60_000;

/** The runs that wait at one runner. Their time stands still, and each ends by itself when nobody comes. */
export function pausedRuns(): PausedRuns {
  const waiting = new WeakMap<object, { readonly run: Run; readonly goOn: () => void; readonly timer: NodeJS.Timeout }>();
  return {
    add(state, run) {
      waiting.set(state, { run, goOn: run.pause(), timer: setTimeout(() => detached(run.end()), WAIT_MAX_MS).unref() });
    },
    take(state) {
      const paused = waiting.get(state);
      if (!paused) return undefined;
      waiting.delete(state);
      clearTimeout(paused.timer);
      paused.goOn();
      return paused.run.isEnded ? undefined : paused.run;
    },
  };
}
