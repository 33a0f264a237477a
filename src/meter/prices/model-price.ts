import type { Usage } from '../../core/usage.ts';
import type { ModelPrice } from '../meter.ts';
import { attoPerToken, nanoAbove, nearestNano, type AttoPerToken } from './decimal.ts';
import type { PartialRates, SourcedRates } from './rates.ts';
import { tierChanges } from './service-tiers.ts';

type RateName = Exclude<keyof PartialRates, 'above'>;

/** The price of each kind of token in one tier, defaults filled in. */
type TokenPrices = { readonly [N in RateName]: AttoPerToken };

/**
 * The price of a model as a snapshot in exact integers. The tier is chosen per request, by the size of its input;
 * it then holds for all tokens of that request, as providers bill it.
 */
export function modelPrice({ rates, source }: SourcedRates, serviceTier?: string): ModelPrice {
  const { changes, note } = tierChanges(rates, serviceTier);
  const scale = 1_000_000 / (rates.per ?? 1_000_000);
  const pricesFor = (tier: PartialRates): TokenPrices => tokenPrices([rates, tier, changes], scale, changes.factor);
  const callFee = attoPerToken(rates.perCall ?? 0) * 1_000_000n;
  const ascending = (rates.tiers ?? []).toSorted((a, b) => a.above - b.above);
  // Each tier with what the dearest token costs up to it: a bound must hold whichever tier is reached.
  const base = withBounds(-1, pricesFor({}), undefined);
  const tiers = ascending.reduce((sofar, tier) => [...sofar, withBounds(tier.above, pricesFor(tier), sofar.at(-1))], [base]);
  const reached = (inputTokens: number): Tier => tiers.findLast(({ above }) => inputTokens > above) ?? base;
  return {
    source: note === undefined ? source : `${source} (${note})`,
    cost: (usage) => nearestNano(callFee + costOf(usage, reached(usage.inputTokens).prices)),
    inputBound: (tokens) => nanoAbove(callFee + BigInt(Math.ceil(tokens)) * reached(tokens).dearestInput),
    outputTokenBound: (inputTokens) => reached(inputTokens).nanoPerOutput,
  };
}

interface Tier {
  /** It holds for requests with more input tokens than this. */
  readonly above: number;
  readonly prices: TokenPrices;
  readonly dearestInput: AttoPerToken;
  readonly dearestOutput: AttoPerToken;
  readonly nanoPerOutput: number;
}

function withBounds(above: number, prices: TokenPrices, below: Tier | undefined): Tier {
  const { input, cacheWrite, longCacheWrite, audioInput, output, reasoning, audioOutput } = prices;
  const dearestInput = largest([input, cacheWrite, longCacheWrite, audioInput, below?.dearestInput ?? 0n]);
  const dearestOutput = largest([output, reasoning, audioOutput, below?.dearestOutput ?? 0n]);
  return { above, prices, dearestInput, dearestOutput, nanoPerOutput: nanoAbove(dearestOutput) };
}

/** Each token is paid once: cached, written and audio input are parts of the input, reasoning and audio parts of the output. */
function costOf(usage: Usage, prices: TokenPrices): bigint {
  const longWrites = Math.min(usage.longCacheWriteTokens ?? 0, usage.cacheWriteTokens);
  const freshInput = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  const audioInput = Math.min(usage.audioInputTokens ?? 0, freshInput);
  const visibleOutput = usage.outputTokens - usage.reasoningTokens;
  const audioOutput = Math.min(usage.audioOutputTokens ?? 0, visibleOutput);
  return (
    BigInt(freshInput - audioInput) * prices.input +
    BigInt(audioInput) * prices.audioInput +
    BigInt(usage.cachedInputTokens) * prices.cachedInput +
    BigInt(usage.cacheWriteTokens - longWrites) * prices.cacheWrite +
    BigInt(longWrites) * prices.longCacheWrite +
    BigInt(visibleOutput - audioOutput) * prices.output +
    BigInt(audioOutput) * prices.audioOutput +
    BigInt(usage.reasoningTokens) * prices.reasoning
  );
}

/** The layers in order, later ones over earlier ones; then the defaults: a rate that nobody gave is that of its whole. */
function tokenPrices(layers: readonly PartialRates[], scale: number, factor = 1): TokenPrices {
  const given = (name: RateName): number | undefined => layers.findLast((layer) => layer[name] !== undefined)?.[name];
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

/** A factor such as 0.5 or 1.75, applied exactly to six decimals. */
const timesFactor = (price: AttoPerToken, factor: number): AttoPerToken =>
  factor === 1 ? price : (price * BigInt(Math.round(factor * 1e6))) / 1_000_000n;

const largest = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b), 0n);
