/**
 * Money is an integer count of nano-dollars inside (1 USD = 1e9), a plain number of dollars at the public edge.
 * 2^53 nano-dollars are about 9.0 million USD: no single account may be given a larger limit.
 */
export const NANO_PER_USD = 1_000_000_000;

/** The largest amount of money that one account can hold, in USD. */
export const MAX_USD = Math.floor(Number.MAX_SAFE_INTEGER / NANO_PER_USD);

/** Dollars to nano-dollars, rounded to the nearest. */
export const toNano = (usd: number): number => Math.round(usd * NANO_PER_USD);

/** Nano-dollars to dollars. */
export const toUsd = (nano: number): number => nano / NANO_PER_USD;

/** For people: `0.0018` of a dollar is `$0.0018`, 1.5 dollars are `$1.50`. */
export function formatUsd(usd: number): string {
  const digits = usd !== 0 && Math.abs(usd) < 0.1 ? 4 : 2;
  return `$${usd.toFixed(digits)}`;
}
