import type { Prints } from './prints.ts';

/** A call that was seen, and how often it gave the same result. */
interface Seen {
  result: number;
  count: number;
  round: number;
  first: number;
  steps: number[];
}

export interface RecurrenceState {
  readonly calls: [number, Seen][];
}

const CALLS_MAX = 512;
const STEPS_KEPT = 64;

/** The same call with the same result, whatever lies between. Calls asked for at once count once. */
export function recurrence(restored?: RecurrenceState) {
  const calls = new Map<number, Seen>(restored?.calls);
  return {
    /** The record of this step's call after it. */
    observe({ step, call, result }: Prints): Readonly<Seen> {
      const seen = calls.get(call) ?? { result, count: 0, round: -1, first: step.index, steps: [] };
      calls.delete(call);
      calls.set(call, seen);
      if (calls.size > CALLS_MAX)
        for (const oldest of calls.keys()) {
          calls.delete(oldest);
          break;
        }
      if (seen.result !== result) {
        seen.result = result;
        seen.count = 0;
        seen.first = step.index;
        seen.steps = [];
      } else if (seen.round === step.round) return seen;
      seen.round = step.round;
      seen.count++;
      seen.steps.push(step.index);
      if (seen.steps.length > STEPS_KEPT) seen.steps.shift();
      return seen;
    },
    save: (): RecurrenceState => ({ calls: [...calls] }),
  };
}
