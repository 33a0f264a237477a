import { randomUUID } from 'node:crypto';
import { GuardError, type SettleRequest } from 'holdfast';

/**
 * The server has lost what it knew of accounts and holds: it was emptied, another one took its place, or it lost the last of
 * its writes. `code` is `store_data_lost`.
 */
export class StoreDataLostError extends GuardError {
  /** `all`: budgets begin anew. `tail`: the last writes, in a restart or a failover; what this process had settled is booked again. */
  readonly lost: 'all' | 'tail';

  constructor(lost: 'all' | 'tail') {
    const what = lost === 'all' ? 'its data since the last step; budgets begin anew with the next' : 'its last writes';
    super('store_data_lost', `the Redis server has lost ${what}`);
    this.lost = lost;
  }
}

/** Notices by a mark in each slot that the server's data is not what it was. */
export interface LossWatch {
  /** The newest mark of a slot that is known: whoever answers tells by it whether he has lost anything since. */
  known(slot: string): string;
  /** Takes note of the mark in an answer; says what it tells to be lost. */
  note(slot: string, mark: string): 'all' | 'tail' | undefined;
  /** What a slot has lost since this was last asked. */
  takeLoss(slot: string): 'all' | 'tail' | undefined;
}

/** A mark as the server writes it: the epoch of its data, how many messages it has answered, and how often it lost the last of them. */
interface Mark {
  readonly text: string;
  readonly epoch: string;
  readonly count: number;
  readonly losses: number;
}

/** How many slots' marks are remembered. One that is forgotten is taken as it is found. */
const SLOTS_MOST = 10_000;

export function lossWatch(): LossWatch {
  const marks = new Map<string, Mark>();
  const losses = new Map<string, 'all' | 'tail'>();
  return {
    known: (slot) => marks.get(slot)?.text ?? randomUUID(),
    note(slot, text) {
      const [epoch = '', count, lost] = text.split(':');
      const mark = { text, epoch, count: Number(count), losses: Number(lost) };
      const known = marks.get(slot);
      // Answers can be read in another order than they were given in.
      if (known?.epoch === epoch && (known.losses > mark.losses || (known.losses === mark.losses && known.count >= mark.count)))
        return undefined;
      if (marks.size >= SLOTS_MOST && !known) marks.clear();
      marks.set(slot, mark);
      const loss = !known ? undefined : known.epoch !== epoch ? 'all' : known.losses < mark.losses ? 'tail' : undefined;
      if (loss) losses.set(slot, loss);
      return loss;
    },
    takeLoss(slot) {
      const lost = losses.get(slot);
      losses.delete(slot);
      return lost;
    },
  };
}

/** The newest settlements, with which the tail that a server lost can be booked again. */
export interface RecentSettlements {
  add(slot: string, request: SettleRequest): void;
  of(slot: string): readonly SettleRequest[];
}

/** Longer than replicas usually lag and disks are usually late, and far shorter than ended reservations are remembered. */
const RECENT_MS = 10_000;
const RECENT_MOST = 10_000;

export function recentSettlements(now: () => number = Date.now): RecentSettlements {
  let entries: { readonly slot: string; readonly request: SettleRequest; readonly at: number }[] = [];
  const prune = (): void => {
    const oldest = now() - RECENT_MS;
    const first = entries.findIndex(({ at }) => at >= oldest);
    entries = first < 0 ? [] : entries.slice(Math.max(first, entries.length - RECENT_MOST));
  };
  return {
    add(slot, request) {
      entries.push({ slot, request, at: now() });
      if (entries.length >= 2 * RECENT_MOST) prune();
    },
    of(slot) {
      prune();
      return entries.filter((entry) => entry.slot === slot).map(({ request }) => request);
    },
  };
}
