import type { Usage } from '../../core/usage.ts';
import type { ModelPrice } from '../../meter/meter.ts';
import type { StepEndEntry } from '../log/entry.ts';

/** What a part of a step's tokens cost, in nano-dollars. */
export type PartCost = (step: StepEndEntry, part: { readonly inputTokens?: number; readonly outputTokens?: number }) => number;

/** Where no price is known: an output token costs about four times an input token in the list prices of 2024 to 2026. */
const OUTPUT_WEIGHT = 4;

/**
 * Costs parts by the model's price: what the step would have cost without them is taken from what it cost. The input is
 * thinned evenly, its cached share kept. The result is scaled to what was really booked, so that discounts count.
 */
export function partCost(priceOf: (model: string) => ModelPrice | undefined): PartCost {
  return ({ name, used, usage }, { inputTokens = 0, outputTokens = 0 }) => {
    const booked = used.nanoUsd ?? 0;
    if (booked === 0 || !usage) return 0;
    const without = lessInput(lessOutput(usage, outputTokens), inputTokens);
    const price = priceOf(name);
    const costOf = (of: Usage): number => price?.cost(of) ?? of.inputTokens + of.outputTokens * OUTPUT_WEIGHT;
    const whole = costOf(usage);
    return whole <= 0 ? 0 : Math.round((booked * Math.max(0, whole - costOf(without))) / whole);
  };
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
