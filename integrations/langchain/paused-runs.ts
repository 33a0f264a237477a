import type { Run } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { detached } from './detached.ts';
import { Places } from './places.ts';

interface Paused {
  readonly place: string;
  readonly run: Run;
  readonly resume: () => void;
}

/** The runs of a guard that wait for a person, by where they wait. */
export interface PausedRuns {
  /** Puts a run aside: its time stands still until it is taken up. */
  add(place: string, run: Run): void;
  /** The tenant's run that waits here. With `isResumed` it goes on; otherwise it is over, for the thread has moved on. */
  take(place: string, tenant: string | number | undefined, isResumed: boolean): Run | undefined;
}

/** More runs than this do not wait: the oldest is ended. */
const PAUSED_MAX = 1_000;

const pausedOf = new WeakMap<AnyGuard, PausedRuns>();

export function pausedRuns(guard: AnyGuard): PausedRuns {
  const known = pausedOf.get(guard);
  if (known) return known;
  const places = new Places<Paused>();
  const all = new Set<Paused>();
  const forget = (waiting: Paused): void => {
    all.delete(waiting);
    places.delete(waiting.place, waiting);
  };
  const end = (waiting: Paused): void => {
    forget(waiting);
    // What waits inside a run that is over waits in vain.
    for (const other of all) if (other.run.parentId === waiting.run.id) end(other);
    detached(waiting.run.end());
  };
  const runs: PausedRuns = {
    add(place, run) {
      const before = places.find(place, run.tenant);
      if (before) end(before);
      const waiting = { place, run, resume: run.pause() };
      all.add(waiting);
      places.set(place, waiting);
      if (all.size > PAUSED_MAX) for (const oldest of all) return end(oldest);
    },
    take(place, tenant, isResumed) {
      const waiting = places.find(place, tenant);
      if (!waiting) return undefined;
      if (!isResumed || waiting.run.isEnded) {
        end(waiting);
        return undefined;
      }
      forget(waiting);
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
