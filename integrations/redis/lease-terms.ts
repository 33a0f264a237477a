import { durationMs, type Dimension, type Duration, type Limits } from 'holdfast';

/**
 * Parts of accounts that a process holds for its own steps: these then cost no message. `usd` in dollars and all else as
 * counts says how much of one account a process may hold at once; a dimension that is left out has a share of what is left.
 */
export interface LeaseOptions extends Limits {
  /** After so long what was used is told to the server, and what was not is given back or renewed. Default `'5s'`. */
  readonly for?: Duration;
  /** The scopes whose accounts are leased. Default: all. A step is without a message only where all its accounts are leased. */
  readonly scopes?: readonly string[];
}

/** What leases are like, in integers. */
export interface LeaseTerms {
  /** At most so much of an account is held at once, per dimension. */
  readonly most: Partial<Record<Dimension, number>>;
  readonly forMs: number;
  /** Undefined is all. */
  readonly scopes: readonly string[] | undefined;
}

const NANO_PER_USD = 1e9;

export function leaseTerms({ for: duration = '5s', scopes, ...most }: LeaseOptions): LeaseTerms {
  return {
    forMs: durationMs(duration),
    scopes,
    most: { ...(most as LeaseTerms['most']), ...(most.usd !== undefined && { usd: Math.round(most.usd * NANO_PER_USD) }) },
  };
}
