import type { Run } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { detached } from './detached.ts';

interface Paused {
  readonly run: Run;
  readonly resume: () => void;
}

/** The runs of a guard that wait for a person, by where they wait. */
export interface PausedRuns {
  /** Puts a run aside: its time stands still until it is taken up. */
  add(place: string, run: Run): void;
  /** The run that waits here. With `isResumed` it goes on; otherwise it is over, for the thread has moved on. */
  take(place: string, isResumed: boolean): Run | undefined;
}

/** More runs than this do not wait: the oldest is ended. */
const PAUSED_MAX = 1_000;

const pausedOf = new WeakMap<AnyGuard, PausedRuns>();

export function pausedRuns(guard: AnyGuard): PausedRuns {
  const known = pausedOf.get(guard);
  if (known) return known;
  const paused = new Map<string, Paused>();
  const end = (place: string): void => {
    const waiting = paused.get(place);
    paused.delete(place);
    if (!waiting) return;
    // What waits inside a run that is over waits in vain.
    for (const [other, { run }] of paused) if (run.parentId === waiting.run.id) end(other);
    detached(waiting.run.end());
  };
  const runs: PausedRuns = {
    add(place, run) {
      end(place);
      paused.set(place, { run, resume: run.pause() });
      if (paused.size > PAUSED_MAX) for (const oldest of paused.keys()) return end(oldest);
    },
    take(place, isResumed) {
      const waiting = paused.get(place);
      if (!waiting) return undefined;
      if (!isResumed || waiting.run.isEnded) {
        end(place);
        return undefined;
      }
      paused.delete(place);
      waiting.resume();
      return waiting.run;
    },
  };
  pausedOf.set(guard, runs);
  return runs;
}

/** Whether an input takes up a thread where it stopped: `null`, or LangGraph's `Command` with an answer. */
export function isResumeInput(input: unknown): boolean {
  if (input === null) return true;
  return typeof input === 'object' && (input as { lg_name?: unknown }).lg_name === 'Command';
}
