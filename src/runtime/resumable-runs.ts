import { ResumeRefusedError } from '../core/errors.ts';
import { recentMap } from '../stores/recent-map.ts';
import { readSnapshot, type ReadSnapshot } from './run-snapshot.ts';

/** How far the runs got in this process that may be taken up again. */
export interface ResumableRuns {
  /** A snapshot of the run was given out, or it goes on from one. */
  reached(runId: string, steps: number): void;
  /** The run is over. What was stopped for good does not go on from a snapshot of before. */
  ended(runId: string, steps: number, isHalted: boolean): void;
  /** The snapshot as it can be gone on from: of this run, for whom it works, and none that is known here to be old. */
  check(given: unknown, id: string | undefined, ids: Readonly<Record<string, string>>, isLive: (runId: string) => boolean): ReadSnapshot;
}

const REMEMBERED = 10_000;

export function resumableRuns(): ResumableRuns {
  const reached = recentMap<number>(REMEMBERED);
  return {
    reached: (runId, steps) => reached.set(runId, steps),
    ended(runId, steps, isHalted) {
      if (reached.get(runId) !== undefined) reached.set(runId, isHalted ? Infinity : steps);
    },
    check(given, id, ids, isLive) {
      const snapshot = readSnapshot(given);
      const { runId, scopes, steps } = snapshot;
      const isOther = Object.entries(ids).some(([scope, each]) => scopes[scope] !== each);
      if (isOther || (id !== undefined && id !== runId)) throw new ResumeRefusedError(runId, 'foreign');
      if (isLive(runId) || (reached.get(runId) ?? 0) > steps) throw new ResumeRefusedError(runId, 'stale');
      return snapshot;
    },
  };
}
