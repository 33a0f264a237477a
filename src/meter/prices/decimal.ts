/** Digits after the point that a price per million tokens may carry. Further ones are rounded. */
const PRICE_DIGITS = 12;

/** Atto-dollars (1e-18 USD) in a nano-dollar. */
const ATTO_PER_NANO = 1_000_000_000n;

/** A price of one token as an exact integer of atto-dollars (1e-18 USD). */
export type AttoPerToken = bigint;

/**
 * USD per million tokens to atto-dollars per token, read from the number's shortest decimal form and so exact:
 * `0.075` becomes 75,000,000,000 and not what 0.075 is in binary.
 */
export function attoPerToken(usdPerMillion: number): AttoPerToken {
  const [mantissa = '0', exponentText = '0'] = String(usdPerMillion).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const digits = BigInt(whole + fraction);
  const shift = PRICE_DIGITS + Number(exponentText) - fraction.length;
  return shift >= 0 ? digits * 10n ** BigInt(shift) : divideRounded(digits, 10n ** BigInt(-shift));
}

/** Atto-dollars to whole nano-dollars, to the nearest, halves upwards; never above the largest safe integer. */
export const nearestNano = (atto: bigint): number => safeNumber(divideRounded(atto, ATTO_PER_NANO));

/** Atto-dollars to whole nano-dollars, upwards: the rounding of a bound. */
export const nanoAbove = (atto: bigint): number => safeNumber((atto + ATTO_PER_NANO - 1n) / ATTO_PER_NANO);

const divideRounded = (amount: bigint, by: bigint): bigint => (2n * amount + by) / (2n * by);

const largest = BigInt(Number.MAX_SAFE_INTEGER);
const safeNumber = (amount: bigint): number => Number(amount > largest ? largest : amount);
