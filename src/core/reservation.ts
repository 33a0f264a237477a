import { dimensions, type AmountLimits, type Amounts, type Dimension } from './amounts.ts';

/** What a step asks of the accounts. Integers; `usd` in nano-dollars. */
export interface Ask {
  /** What the step needs in any case. */
  readonly base: Amounts;
  /** What each further unit (an output token) needs, and how many are wanted and how few are still of use. */
  readonly perUnit?: Amounts;
  readonly unitsWanted?: number;
  readonly unitsLeast?: number;
  /** Dimensions whose ask shrinks to what is left, so long as something is left: estimates that no first call may fail on. */
  readonly yielding?: readonly Dimension[];
  /** Taken only while every gate holds: the pressure under which this way of doing the step is still right. */
  readonly gates?: readonly Gate[];
  /** A closing step may use what is kept back for it; any other may not. */
  readonly isClosing?: boolean;
}

/** `(settled + held + asked) / limit` of one account and dimension must be below `below` (1 = the limit). */
export interface Gate {
  readonly account: number;
  readonly dimension: Dimension;
  readonly below: number;
}

/** An account's sums as admission sees them. */
export interface Sums {
  readonly settled: Amounts;
  readonly held: Amounts;
  /** Expired holds that still count, under the policy `charge`. */
  readonly unconfirmed: Amounts;
}

/** The ceilings of one account for one admission. */
export interface Ceilings {
  readonly limits: AmountLimits;
  /** What of the limits is kept back for closing steps. */
  readonly kept?: AmountLimits | undefined;
}

/** Why an ask does not fit: the account (by its place in the list) and the dimension that said no. */
export interface Shortfall {
  readonly account: number;
  readonly dimension: Dimension;
  readonly limit: number;
  readonly settled: number;
  readonly held: number;
  readonly asked: number;
}

export type Fit =
  | { readonly fits: true; readonly amounts: Amounts; readonly units: number }
  | { readonly fits: false; readonly shortfall: Shortfall };

const unlimited = Number.MAX_SAFE_INTEGER;

/**
 * Whether an ask fits into all accounts at once, and with how many units. Pure: the memory store and the model in the
 * tests decide by it, and every other store must decide the same.
 */
export function fit(ask: Ask, accounts: readonly { readonly sums: Sums; readonly ceilings: Ceilings }[]): Fit {
  const wanted = ask.unitsWanted ?? 0;
  const least = Math.min(ask.unitsLeast ?? wanted, wanted);
  let units = wanted;
  const room = (dimension: Dimension): { left: number; tightest: number } => {
    let left = unlimited;
    let tightest = -1;
    for (const [index, { sums, ceilings }] of accounts.entries()) {
      const limit = ceilingOf(ceilings, dimension, ask.isClosing === true);
      if (limit === undefined) continue;
      const remaining = limit - usedOf(sums, dimension);
      if (remaining < left) [left, tightest] = [remaining, index];
    }
    return { left, tightest };
  };
  const shortfall = (account: number, dimension: Dimension, asked: number): Fit => {
    const { sums, ceilings } = accounts[account]!;
    const limit = ceilingOf(ceilings, dimension, ask.isClosing === true) ?? unlimited;
    const settled = sums.settled[dimension] + sums.unconfirmed[dimension];
    return { fits: false, shortfall: { account, dimension, limit, settled, held: sums.held[dimension], asked } };
  };
  const yielded: { [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const base = ask.base[dimension];
    const each = ask.perUnit?.[dimension] ?? 0;
    if (base === 0 && each === 0) continue;
    const { left, tightest } = room(dimension);
    if (tightest < 0) continue;
    if (ask.yielding?.includes(dimension)) {
      if (left < 1) return shortfall(tightest, dimension, base);
      yielded[dimension] = Math.min(base, left);
      continue;
    }
    if (base + each * least > left) return shortfall(tightest, dimension, base + each * least);
    if (each > 0) units = Math.min(units, Math.floor((left - base) / each));
  }
  const amounts = Object.fromEntries(
    dimensions.map((d) => [d, yielded[d] ?? ask.base[d] + (ask.perUnit?.[d] ?? 0) * units]),
  ) as unknown as Amounts;
  for (const { account, dimension, below } of ask.gates ?? []) {
    const { sums, ceilings } = accounts[account]!;
    const limit = ceilings.limits[dimension];
    if (limit === undefined) continue;
    if (usedOf(sums, dimension) + amounts[dimension] > limit * below) return shortfall(account, dimension, amounts[dimension]);
  }
  return { fits: true, amounts, units };
}

const usedOf = (sums: Sums, dimension: Dimension): number => sums.settled[dimension] + sums.unconfirmed[dimension] + sums.held[dimension];

function ceilingOf(ceilings: Ceilings, dimension: Dimension, isClosing: boolean): number | undefined {
  const limit = ceilings.limits[dimension];
  if (limit === undefined) return undefined;
  return isClosing ? limit : limit - (ceilings.kept?.[dimension] ?? 0);
}
