import type { ModelPrice } from './meter.ts';
import { entryFor } from './name-patterns.ts';
import type { MeterOptions } from './options.ts';
import { builtInPrices } from './prices/built-in-prices.ts';
import { modelPrice } from './prices/model-price.ts';
import { modelRates, type PriceQuery, type SourcedRates } from './prices/rates.ts';

/** Finds the price of a model for a call that is made at a moment. */
export type PriceBook = (query: PriceQuery & { readonly serviceTier?: string | undefined }) => ModelPrice | undefined;

/** Prices change by date and by the hour, so a found one is used again for calls of the same minute only. */
const KEPT_MS = 60_000;
const MOST_KEPT = 512;

/** The user's prices over those of the built-in table. A function of the user's that fails is told of, and the table answers. */
export function createPriceBook(given: MeterOptions['prices'], onProblem: (error: unknown) => void): PriceBook {
  const kept = new Map<string, ModelPrice | undefined>();
  let minute = Number.NaN;

  return ({ serviceTier, ...query }) => {
    const own = typeof given === 'function' ? askFunction(given, query, onProblem) : given && entryFor(given, query.model);
    if (own !== undefined) return modelPrice({ rates: own, source: 'override' }, serviceTier);
    const now = Math.floor(query.at / KEPT_MS);
    if (now !== minute || kept.size >= MOST_KEPT) kept.clear();
    minute = now;
    const key = [query.model, query.provider ?? '', serviceTier ?? ''].join('\n');
    if (!kept.has(key)) kept.set(key, priced(builtInPrices(query), serviceTier));
    return kept.get(key);
  };
}

const priced = (found: SourcedRates | undefined, serviceTier: string | undefined): ModelPrice | undefined =>
  found && modelPrice(found, serviceTier);

function askFunction(
  prices: Extract<MeterOptions['prices'], (...args: never[]) => unknown>,
  query: PriceQuery,
  onProblem: (error: unknown) => void,
): SourcedRates['rates'] | undefined {
  try {
    const rates = prices(query);
    return rates === undefined ? undefined : modelRates.parse(rates);
  } catch (error) {
    onProblem(error);
    return undefined;
  }
}
