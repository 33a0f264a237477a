import { hashNumbers } from './hash.ts';
import { recent } from './recent.ts';

export type ApprovalsState = [number, number][];

const CALLS_MAX = 64;

/** Counts how often a person approved each call. Each approval makes of it a call that was never made: it is judged afresh, not less. */
export function approvals(restored?: ApprovalsState) {
  const counts = recent<number>(CALLS_MAX, restored);
  return {
    approve: (call: number): void => counts.put(call, (counts.get(call) ?? 0) + 1),
    /** The hash under which a call is judged since it was last approved. */
    windowOf(call: number): number {
      const count = counts.get(call);
      return count === undefined ? call : hashNumbers(call, count);
    },
    save: (): ApprovalsState => counts.save(),
  };
}
