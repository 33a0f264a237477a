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

// The arithmetic is written out, dimension by dimension: it runs for every account of every step, and a loop over names
// takes about five times as long.

/** Builds amounts by asking `amountFor` for each dimension. */
export const amountsOf = (amountFor: (dimension: Dimension) => number): Amounts => ({
  usd: amountFor('usd'),
  tokens: amountFor('tokens'),
  inputTokens: amountFor('inputTokens'),
  outputTokens: amountFor('outputTokens'),
  reasoningTokens: amountFor('reasoningTokens'),
  steps: amountFor('steps'),
  modelCalls: amountFor('modelCalls'),
  toolCalls: amountFor('toolCalls'),
});

/** Nothing of anything. */
export const zero: Amounts = Object.freeze(amountsOf(() => 0));

/** These amounts, and 0 in all other dimensions. Not spread out of `zero`: V8 has no quick way to copy a frozen object. */
export const onlyThese = (some: AmountLimits): Amounts => ({
  usd: some.usd ?? 0,
  tokens: some.tokens ?? 0,
  inputTokens: some.inputTokens ?? 0,
  outputTokens: some.outputTokens ?? 0,
  reasoningTokens: some.reasoningTokens ?? 0,
  steps: some.steps ?? 0,
  modelCalls: some.modelCalls ?? 0,
  toolCalls: some.toolCalls ?? 0,
});

/** `a + b`, dimension by dimension. */
export const plus = (a: Amounts, b: Amounts): Amounts => ({
  usd: a.usd + b.usd,
  tokens: a.tokens + b.tokens,
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  steps: a.steps + b.steps,
  modelCalls: a.modelCalls + b.modelCalls,
  toolCalls: a.toolCalls + b.toolCalls,
});

/** `a - b`, dimension by dimension. May be negative. */
export const minus = (a: Amounts, b: Amounts): Amounts => ({
  usd: a.usd - b.usd,
  tokens: a.tokens - b.tokens,
  inputTokens: a.inputTokens - b.inputTokens,
  outputTokens: a.outputTokens - b.outputTokens,
  reasoningTokens: a.reasoningTokens - b.reasoningTokens,
  steps: a.steps - b.steps,
  modelCalls: a.modelCalls - b.modelCalls,
  toolCalls: a.toolCalls - b.toolCalls,
});

/** Whether `a` lies above `b` in no dimension. */
export const isWithin = (a: Amounts, b: Amounts): boolean =>
  a.usd <= b.usd &&
  a.tokens <= b.tokens &&
  a.inputTokens <= b.inputTokens &&
  a.outputTokens <= b.outputTokens &&
  a.reasoningTokens <= b.reasoningTokens &&
  a.steps <= b.steps &&
  a.modelCalls <= b.modelCalls &&
  a.toolCalls <= b.toolCalls;

/** What of `a` lies above `b`; 0 where it does not. */
export const excess = (a: Amounts, b: Amounts): Amounts => (isWithin(a, b) ? zero : amountsOf((d) => Math.max(0, a[d] - b[d])));

/** The first dimension in which these are no amounts (a count is an integer from 0 to 2^53 - 1), or undefined. */
export const invalidDimension = (amounts: Amounts): Dimension | undefined =>
  areCounts(amounts) ? undefined : dimensions.find((dimension) => !isCount(amounts[dimension]));

const areCounts = (amounts: Amounts): boolean =>
  isCount(amounts.usd) &&
  isCount(amounts.tokens) &&
  isCount(amounts.inputTokens) &&
  isCount(amounts.outputTokens) &&
  isCount(amounts.reasoningTokens) &&
  isCount(amounts.steps) &&
  isCount(amounts.modelCalls) &&
  isCount(amounts.toolCalls);

/** Whether it is an integer from 0 to 2^53 - 1. */
export const isCount = (amount: number): boolean => Number.isSafeInteger(amount) && amount >= 0;

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
