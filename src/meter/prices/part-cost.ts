import type { Usage } from '../../core/usage.ts';
import type { ModelPrice } from '../meter.ts';

/** Where no price is known: an output token costs about four times an input token in the list prices of 2024 to 2026. */
const OUTPUT_WEIGHT = 4;

/**
 * What a part of a call's tokens cost, in nano-dollars: what the call would have cost without them is taken from what it
 * cost. The input is thinned evenly, its cached share kept. The result is scaled to what was really booked, so that
 * discounts count.
 */
export function costOfPart(
  price: ModelPrice | undefined,
  usage: Usage,
  bookedNano: number,
  { inputTokens = 0, outputTokens = 0 }: { readonly inputTokens?: number; readonly outputTokens?: number },
): number {
  if (bookedNano === 0) return 0;
  const costOf = (of: Usage): number => price?.cost(of) ?? of.inputTokens + of.outputTokens * OUTPUT_WEIGHT;
  const whole = costOf(usage);
  if (whole <= 0) return 0;
  const without = lessInput(lessOutput(usage, outputTokens), inputTokens);
  return Math.round((bookedNano * Math.max(0, whole - costOf(without))) / whole);
}

function lessInput(usage: Usage, tokens: number): Usage {
  const left = Math.max(0, usage.inputTokens - tokens);
  const share = usage.inputTokens === 0 ? 0 : left / usage.inputTokens;
  return {
    ...usage,
    inputTokens: left,
    cachedInputTokens: Math.floor(usage.cachedInputTokens * share),
    cacheWriteTokens: Math.floor(usage.cacheWriteTokens * share),
  };
}

function lessOutput(usage: Usage, tokens: number): Usage {
  const left = Math.max(0, usage.outputTokens - tokens);
  return { ...usage, outputTokens: left, reasoningTokens: Math.min(usage.reasoningTokens, left) };
}
