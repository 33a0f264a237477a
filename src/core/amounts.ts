/**
 * The dimensions that a budget can limit, in their fixed order. Everything is an integer: tokens and calls are counts,
 * `usd` is a count of nano-dollars (see money.ts). `duration` is not among them: it is a deadline of a run, not an amount.
 */
export const dimensions = ['usd', 'tokens', 'inputTokens', 'outputTokens', 'reasoningTokens', 'steps', 'modelCalls', 'toolCalls'] as const;

/** One of the things that a budget can limit. */
export type Dimension = (typeof dimensions)[number];

/** An amount in every dimension. Integers; `usd` in nano-dollars. */
export type Amounts = { readonly [D in Dimension]: number };

/** Ceilings in some dimensions. Integers; `usd` in nano-dollars. A dimension that is absent has no ceiling. */
export type AmountLimits = { readonly [D in Dimension]?: number };

type MutableAmounts = { -readonly [D in Dimension]: number };

/** Nothing of anything. */
export const zero: Amounts = Object.freeze(amountsOf(() => 0));

/** Builds amounts by asking `amountFor` for each dimension. */
export function amountsOf(amountFor: (dimension: Dimension) => number): Amounts {
  const amounts = {} as MutableAmounts;
  for (const dimension of dimensions) amounts[dimension] = amountFor(dimension);
  return amounts;
}

/** `a + b`, dimension by dimension. */
export const plus = (a: Amounts, b: Amounts): Amounts => amountsOf((d) => a[d] + b[d]);

/** `a - b`, dimension by dimension. May be negative. */
export const minus = (a: Amounts, b: Amounts): Amounts => amountsOf((d) => a[d] - b[d]);

/** What of `a` lies above `b`; 0 where it does not. */
export const excess = (a: Amounts, b: Amounts): Amounts => amountsOf((d) => Math.max(0, a[d] - b[d]));

/** The smaller ceiling of the two, dimension by dimension: a tighter budget over a wider one. */
export function tightest(a: AmountLimits, b: AmountLimits): AmountLimits {
  const limits: { -readonly [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const [x, y] = [a[dimension], b[dimension]];
    const limit = x === undefined ? y : y === undefined ? x : Math.min(x, y);
    if (limit !== undefined) limits[dimension] = limit;
  }
  return limits;
}
