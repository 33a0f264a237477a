import type { SettleReply } from 'holdfast';
import type { Lease } from './lease.ts';
import type { Granted } from './leased-grants.ts';
import type { LiveReservation } from './live-reservations.ts';
import { nothing } from './reply.ts';

/** A step under way that draws on leases. */
export interface LeasedStep {
  readonly reply: Granted;
  leases: readonly Lease[];
  /** What the server holds of it, and under which ids. */
  there: readonly LiveReservation[];
  /** What the server may hold of it besides: it did not answer when the step expired. */
  doubtful?: LiveReservation | undefined;
  expiresAt: number;
  /** Its leases have heard of its end. */
  isEnded: boolean;
}

/** What is remembered of an id that draws on no lease, or no more: it is granted once, and ends once. */
export interface Past {
  /** What was granted here; where nothing was, the server knows. */
  readonly granted?: Pick<Granted, 'ask' | 'units' | 'amounts'>;
  /** How it ended here. */
  readonly end?: Pick<SettleReply, 'status' | 'overage'>;
  /** What the server holds of it, where that is not the whole under its own id. */
  readonly parts?: readonly LiveReservation[];
  /** The server did not answer when it was asked for these parts. */
  readonly isUnsure?: boolean;
}

/** The server knows of it, under its own id. */
export const isThere: Past = {};

/** What is remembered of a grant: not the accounts that it showed. */
export const grantIn = ({ ask, units, amounts }: Granted): NonNullable<Past['granted']> => ({ ask, units, amounts });

export const nothingGranted = { ask: 0, units: 0, amounts: nothing };

/** Under another id: its own is used up. */
export const elsewhere = (id: string): string => `${id}\nthere`;

/** What a step draws on leases, as a reservation of the server. */
export const leasedPart = (id: string, leases: readonly Lease[]): LiveReservation => ({
  id: `${id}\nleased`,
  accounts: leases.map(({ ref }) => ref),
});
