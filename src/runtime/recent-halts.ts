import type { HaltError } from '../core/errors.ts';
import type { RunInfo } from './events.ts';

/** The newest halts of a guard, for hosts that swallow the error. */
export interface RecentHalts {
  add(error: HaltError, run: RunInfo): void;
  /** The newest halt of a run whose scopes (and id, where given) fit. */
  find(scopes: Readonly<Record<string, string>>, runId?: string): HaltError | undefined;
}

const REMEMBERED_HALTS = 1_000;

export function recentHalts(): RecentHalts {
  const halts: { error: HaltError; run: RunInfo }[] = [];
  return {
    add(error, run) {
      halts.push({ error, run });
      if (halts.length > REMEMBERED_HALTS) halts.shift();
    },
    find(scopes, runId) {
      const wanted = Object.entries(scopes);
      const fits = ({ run }: { run: RunInfo }): boolean =>
        (runId === undefined || run.id === runId) && wanted.every(([scope, id]) => run.scopes[scope] === id);
      return halts.findLast(fits)?.error;
    },
  };
}
