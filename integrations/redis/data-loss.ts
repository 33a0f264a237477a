import { GuardError } from 'holdfast';

/** The server has lost what it knew of accounts and holds: it was emptied, or another one took its place. `code` is `store_data_lost`. */
export class StoreDataLostError extends GuardError {
  constructor() {
    super('store_data_lost', 'the Redis server has lost its data since the last step; budgets begin anew with the next');
  }
}

/** Notices by a mark in each slot that the server's data is not what it was. */
export interface LossWatch {
  /** Takes note of the mark that a slot has now. */
  note(slot: string, mark: string): void;
  /** Whether a slot has lost its data since this was last asked. */
  hasLost(slot: string): boolean;
}

/** How many slots' marks are remembered. One that is forgotten is taken as it is found. */
const SLOTS_MOST = 10_000;

export function lossWatch(): LossWatch {
  const marks = new Map<string, string>();
  const lost = new Set<string>();
  return {
    note(slot, mark) {
      const before = marks.get(slot);
      if (before === mark) return;
      if (marks.size >= SLOTS_MOST) marks.clear();
      marks.set(slot, mark);
      if (before !== undefined) lost.add(slot);
    },
    hasLost: (slot) => lost.delete(slot),
  };
}
