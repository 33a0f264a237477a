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

const ATTO_PER_PICO = 1_000_000n;
const PICO_PER_NANO = 1_000;

/**
 * The same price in whole pico-dollars (1e-12 USD): a price with up to six decimals per million tokens is one. Products and sums of
 * whole numbers are exact in plain arithmetic as long as they stay safe, and that is much cheaper. NaN where it is no such number.
 */
export const picoPerToken = (atto: AttoPerToken): number => (atto % ATTO_PER_PICO === 0n ? Number(atto / ATTO_PER_PICO) : Number.NaN);

/** Whether a sum of pico-dollars is exact: nothing in it was rounded, nor is anything in it NaN. */
export const isExact = (pico: number): boolean => pico >= 0 && pico <= Number.MAX_SAFE_INTEGER;

/** As {@link nearestNano}, of an exact sum. */
export function nearestNanoOfPico(pico: number): number {
  const rest = pico % PICO_PER_NANO;
  return (pico - rest) / PICO_PER_NANO + (2 * rest >= PICO_PER_NANO ? 1 : 0);
}

/** As {@link nanoAbove}, of an exact sum. */
export function nanoAbovePico(pico: number): number {
  const rest = pico % PICO_PER_NANO;
  return (pico - rest) / PICO_PER_NANO + (rest > 0 ? 1 : 0);
}

/** Atto-dollars to whole nano-dollars, to the nearest, halves upwards; never above the largest safe integer. */
export const nearestNano = (atto: bigint): number => safeNumber(divideRounded(atto, ATTO_PER_NANO));

/** Atto-dollars to whole nano-dollars, upwards: the rounding of a bound. */
export const nanoAbove = (atto: bigint): number => safeNumber((atto + ATTO_PER_NANO - 1n) / ATTO_PER_NANO);

const divideRounded = (amount: bigint, by: bigint): bigint => (2n * amount + by) / (2n * by);

const largest = BigInt(Number.MAX_SAFE_INTEGER);
const safeNumber = (amount: bigint): number => Number(amount > largest ? largest : amount);
