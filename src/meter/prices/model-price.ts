import type { Usage } from '../../core/usage.ts';
import type { ModelPrice } from '../meter.ts';
import {
  attoPerToken,
  isExact,
  nanoAbove,
  nanoAbovePico,
  nearestNano,
  nearestNanoOfPico,
  picoPerToken,
  type AttoPerToken,
} from './decimal.ts';
import type { SourcedRates } from './rates.ts';
import { tierChanges } from './service-tiers.ts';
import { tokenPrices, tokensByPrice, type PriceName } from './token-prices.ts';

/**
 * The price of a model as a snapshot in exact integers. The tier is chosen per request, by the size of its input;
 * it then holds for all tokens of that request, as providers bill it.
 */
export function modelPrice({ rates, source }: SourcedRates, serviceTier?: string): ModelPrice {
  const { changes, note } = tierChanges(rates, serviceTier);
  const scale = 1_000_000 / (rates.per ?? 1_000_000);
  const fee = exactly(attoPerToken(rates.perCall ?? 0) * 1_000_000n);
  const tierOf = (above: number, layers: Parameters<typeof tokenPrices>[0], below: Tier | undefined): Tier =>
    pricedTier(above, tokenPrices([rates, ...layers, changes], scale, changes.factor), below);
  const ascending = (rates.tiers ?? []).toSorted((a, b) => a.above - b.above);
  const base = tierOf(-1, [], undefined);
  const tiers = ascending.reduce((sofar, { above }, at) => [...sofar, tierOf(above, ascending.slice(0, at + 1), sofar.at(-1))], [base]);
  const reached = (inputTokens: number): Tier => (tiers.length === 1 ? base : (tiers.findLast(({ above }) => inputTokens > above) ?? base));
  return {
    source: note === undefined ? source : `${source} (${note})`,
    cost: (usage) => cost(usage, reached(usage.inputTokens), fee),
    inputBound: (tokens) => inputBound(Math.ceil(tokens), reached(tokens), fee),
    outputTokenBound: (inputTokens) => reached(inputTokens).nanoPerOutput,
  };
}

/** A price, exactly, and in pico-dollars where those are exact. */
interface Exactly {
  readonly atto: AttoPerToken;
  readonly pico: number;
}

const exactly = (atto: AttoPerToken): Exactly => ({ atto, pico: picoPerToken(atto) });

interface Tier {
  /** It holds for requests with more input tokens than this. */
  readonly above: number;
  /** In the order of {@link tokensByPrice}. */
  readonly prices: readonly Exactly[];
  /** What the dearest token costs, here and in all tiers below: a bound must hold whichever tier is reached. */
  readonly dearestInput: Exactly;
  readonly dearestOutput: AttoPerToken;
  readonly nanoPerOutput: number;
}

function pricedTier(above: number, prices: Readonly<Record<PriceName, AttoPerToken>>, below: Tier | undefined): Tier {
  const { input, cachedInput, cacheWrite, longCacheWrite, audioInput, output, reasoning, audioOutput } = prices;
  const dearestInput = largest([input, cacheWrite, longCacheWrite, audioInput, below?.dearestInput.atto ?? 0n]);
  const dearestOutput = largest([output, reasoning, audioOutput, below?.dearestOutput ?? 0n]);
  return {
    above,
    prices: [input, audioInput, cachedInput, cacheWrite, longCacheWrite, output, audioOutput, reasoning].map(exactly),
    dearestInput: exactly(dearestInput),
    dearestOutput,
    nanoPerOutput: nanoAbove(dearestOutput),
  };
}

function cost(usage: Usage, { prices }: Tier, fee: Exactly): number {
  const tokens = tokensByPrice(usage);
  let pico = fee.pico;
  for (let index = 0; index < tokens.length; index++) pico += tokens[index]! * prices[index]!.pico;
  if (isExact(pico)) return nearestNanoOfPico(pico);
  return nearestNano(tokens.reduce((atto, count, index) => atto + BigInt(count) * prices[index]!.atto, fee.atto));
}

function inputBound(tokens: number, { dearestInput }: Tier, fee: Exactly): number {
  const pico = fee.pico + tokens * dearestInput.pico;
  return isExact(pico) ? nanoAbovePico(pico) : nanoAbove(fee.atto + BigInt(tokens) * dearestInput.atto);
}

const largest = (values: readonly bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b), 0n);
