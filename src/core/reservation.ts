import { dimensions, zero, type AmountLimits, type Amounts, type Dimension } from './amounts.ts';

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

/** `(settled + held + asked) / limit` of one account and dimension may not pass `below` (1 = the limit). */
export interface Gate {
  /** The account's place in the list of the request. */
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

/** One account before an admission: what stands in it, and the ceilings that this admission meets. */
export interface Standing {
  readonly sums: Sums;
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

/**
 * Whether an ask fits into all accounts at once, and with how many units. Pure: the memory store and the model in the
 * tests decide by it, and every other store must decide the same.
 */
export function fit(ask: Ask, accounts: readonly Standing[]): Fit {
  const { base, perUnit = zero, unitsWanted = 0, unitsLeast = unitsWanted, yielding, gates, isClosing = false } = ask;
  const least = Math.min(unitsLeast, unitsWanted);
  let units = unitsWanted;
  let yielded: { [D in Dimension]?: number } | undefined;
  for (const dimension of dimensions) {
    const needed = base[dimension];
    const each = perUnit[dimension];
    if (needed === 0 && each === 0) continue;
    const account = tightestOf(accounts, dimension, isClosing);
    const tightest = accounts[account];
    if (!tightest) continue;
    const left = roomIn(tightest, dimension, isClosing);
    if (yielding?.includes(dimension)) {
      if (left < 1) return misfit(account, tightest, dimension, needed, isClosing);
      yielded = { ...yielded, [dimension]: Math.min(needed, left) };
      continue;
    }
    const atLeast = needed + each * least;
    if (atLeast > left) return misfit(account, tightest, dimension, atLeast, isClosing);
    if (each > 0) units = Math.min(units, Math.floor((left - needed) / each));
  }
  const amounts = withUnits(base, perUnit, units, yielded);
  for (const { account, dimension, below } of gates ?? []) {
    const standing = accounts[account];
    const limit = standing?.limits[dimension];
    if (!standing || limit === undefined) continue;
    if (usedOf(standing.sums, dimension) + amounts[dimension] > limit * below) {
      return misfit(account, standing, dimension, amounts[dimension], isClosing);
    }
  }
  return { fits: true, amounts, units };
}

const withUnits = (base: Amounts, each: Amounts, units: number, yielded: AmountLimits | undefined): Amounts => ({
  usd: yielded?.usd ?? base.usd + each.usd * units,
  tokens: yielded?.tokens ?? base.tokens + each.tokens * units,
  inputTokens: yielded?.inputTokens ?? base.inputTokens + each.inputTokens * units,
  outputTokens: yielded?.outputTokens ?? base.outputTokens + each.outputTokens * units,
  reasoningTokens: yielded?.reasoningTokens ?? base.reasoningTokens + each.reasoningTokens * units,
  steps: yielded?.steps ?? base.steps + each.steps * units,
  modelCalls: yielded?.modelCalls ?? base.modelCalls + each.modelCalls * units,
  toolCalls: yielded?.toolCalls ?? base.toolCalls + each.toolCalls * units,
});

const usedOf = ({ settled, unconfirmed, held }: Sums, dimension: Dimension): number =>
  settled[dimension] + unconfirmed[dimension] + held[dimension];

/** What a dimension still has room for; Infinity without a limit, negative after an overage. */
function roomIn({ sums, limits, kept }: Standing, dimension: Dimension, isClosing: boolean): number {
  const limit = limits[dimension];
  if (limit === undefined) return Infinity;
  return limit - (isClosing ? 0 : (kept?.[dimension] ?? 0)) - usedOf(sums, dimension);
}

/** The place of the account with the least room in a dimension; -1 where none has a limit. The first of equals. */
function tightestOf(accounts: readonly Standing[], dimension: Dimension, isClosing: boolean): number {
  let tightest = -1;
  let least = Infinity;
  for (let index = 0; index < accounts.length; index += 1) {
    const standing = accounts[index];
    const room = standing ? roomIn(standing, dimension, isClosing) : Infinity;
    if (room < least) [tightest, least] = [index, room];
  }
  return tightest;
}

function misfit(account: number, standing: Standing, dimension: Dimension, asked: number, isClosing: boolean): Fit {
  const { sums, limits, kept } = standing;
  const limit = (limits[dimension] ?? 0) - (isClosing ? 0 : (kept?.[dimension] ?? 0));
  const settled = sums.settled[dimension] + sums.unconfirmed[dimension];
  return { fits: false, shortfall: { account, dimension, limit, settled, held: sums.held[dimension], asked } };
}
