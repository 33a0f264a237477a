import type { SlotSteps } from './across-slots.ts';
import type { LeaseBook } from './lease-book.ts';
import type { LeasedStep, Past } from './leased-records.ts';
import type { RecentEntries } from './recent-entries.ts';
import type { Turns } from './turns.ts';

/** What those who reserve, settle and expire steps under leases share. */
export interface LeasedState {
  /** Steps at the server. */
  readonly steps: SlotSteps;
  readonly book: LeaseBook;
  /** Steps under way that draw on leases. */
  readonly live: Map<string, LeasedStep>;
  readonly past: RecentEntries<Past>;
  /** Ids about which the server is being asked. */
  readonly turns: Turns;
  /** A clock that is never put back. */
  readonly clock: () => number;
}
