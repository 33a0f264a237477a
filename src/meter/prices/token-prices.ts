import type { Usage } from '../../core/usage.ts';
import { attoPerToken, type AttoPerToken } from './decimal.ts';
import type { PartialRates } from './rates.ts';

/** A kind of token that has a price of its own. */
export type PriceName = Exclude<keyof PartialRates, 'above'>;

/** The layers in order, later ones over earlier ones; then the defaults: a rate that nobody gave is that of its whole. */
export function tokenPrices(layers: readonly PartialRates[], scale: number, factor = 1): Readonly<Record<PriceName, AttoPerToken>> {
  const given = (name: PriceName): number | undefined => layers.findLast((layer) => layer[name] !== undefined)?.[name];
  const input = given('input') ?? 0;
  const output = given('output') ?? 0;
  const cacheWrite = given('cacheWrite') ?? input;
  const inAtto = (rate: number): AttoPerToken => timesFactor(attoPerToken(rate) * BigInt(scale), factor);
  return {
    input: inAtto(input),
    cachedInput: inAtto(given('cachedInput') ?? input),
    cacheWrite: inAtto(cacheWrite),
    longCacheWrite: inAtto(given('longCacheWrite') ?? cacheWrite),
    audioInput: inAtto(given('audioInput') ?? input),
    output: inAtto(output),
    reasoning: inAtto(given('reasoning') ?? output),
    audioOutput: inAtto(given('audioOutput') ?? output),
  };
}

/**
 * How many tokens of a usage are paid at each price: input, audio input, cached input, cache writes, long cache writes, output, audio
 * output, reasoning. Each token is paid once: cached, written and audio input are parts of the input, reasoning and audio parts of the
 * output.
 */
export function tokensByPrice(usage: Usage): readonly number[] {
  const longWrites = Math.min(usage.longCacheWriteTokens ?? 0, usage.cacheWriteTokens);
  const freshInput = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  const audioInput = Math.min(usage.audioInputTokens ?? 0, freshInput);
  const visibleOutput = usage.outputTokens - usage.reasoningTokens;
  const audioOutput = Math.min(usage.audioOutputTokens ?? 0, visibleOutput);
  return [
    freshInput - audioInput,
    audioInput,
    usage.cachedInputTokens,
    usage.cacheWriteTokens - longWrites,
    longWrites,
    visibleOutput - audioOutput,
    audioOutput,
    usage.reasoningTokens,
  ];
}

/** A factor such as 0.5 or 1.75, applied exactly to six decimals. */
const timesFactor = (price: AttoPerToken, factor: number): AttoPerToken =>
  factor === 1 ? price : (price * BigInt(Math.round(factor * 1e6))) / 1_000_000n;
