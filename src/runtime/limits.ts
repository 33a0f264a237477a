import { dimensions, type AmountLimits, type Dimension } from '../core/amounts.ts';
import type { Limits } from '../core/budget.ts';
import { toNano } from '../core/money.ts';

/** Headroom is for what estimates can miss; steps and calls are exact. */
const estimated: ReadonlySet<Dimension> = new Set(['usd', 'tokens', 'inputTokens', 'outputTokens', 'reasoningTokens']);

/** Limits as people write them, as integers, with the headroom taken off usd and tokens. */
export function amountLimits(limits: Limits, headroom: number): AmountLimits {
  const result: { -readonly [D in Dimension]?: number } = {};
  for (const dimension of dimensions) {
    const limit = limits[dimension];
    if (limit === undefined) continue;
    const whole = dimension === 'usd' ? toNano(limit) : limit;
    result[dimension] = headroom > 0 && estimated.has(dimension) ? Math.floor(whole * (1 - headroom)) : whole;
  }
  return result;
}
