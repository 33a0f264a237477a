import { atOnce } from './at-once.ts';
import type { ModelPrice } from './meter.ts';
import { entryFor } from './name-patterns.ts';
import type { MeterOptions } from './options.ts';
import { builtInPrices } from './prices/built-in-prices.ts';
import { modelPrice } from './prices/model-price.ts';
import { priceTableRevision } from './prices/price-table.ts';
import { modelRates, type ModelRates, type PriceQuery } from './prices/rates.ts';

/** Finds the price of a model for a call that is made at a moment, in a service tier. */
export type PriceBook = (query: PriceQuery, serviceTier?: string) => ModelPrice | undefined;

/** Prices change by date and by the hour, so what the table says is used again for calls of the same minute only. */
const KEPT_MS = 60_000;
const MOST_KEPT = 512;

/** The user's prices over those of the built-in table. A function of the user's that fails is told of, and the table answers. */
export function createPriceBook(given: MeterOptions['prices'], onProblem: (error: unknown) => void): PriceBook {
  const ownPrice = createOwnPrices();
  const tablePrice = createTablePrices(onProblem);
  return (query, serviceTier) => {
    if (given === undefined) return tablePrice(query, serviceTier);
    if (typeof given === 'object') {
      const rates = entryFor(given, query.model);
      return rates === undefined ? tablePrice(query, serviceTier) : ownPrice(rates, serviceTier);
    }
    try {
      const rates = atOnce(given(query), 'a price function must answer at once; read prices ahead with refreshablePrices');
      if (rates !== undefined) return ownPrice(rates, serviceTier);
    } catch (error) {
      onProblem(error);
    }
    return tablePrice(query, serviceTier);
  };
}

type PriceOf<Asked> = (asked: Asked, serviceTier: string | undefined) => ModelPrice | undefined;

/** Prices out of rates of the user's, which are checked and worked out once: they are known again by what they say. */
function createOwnPrices(): PriceOf<ModelRates> {
  const kept = new Map<string, ModelPrice>();
  return (rates, serviceTier = '') => {
    const key = `${serviceTier}\n${JSON.stringify(rates)}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const price = modelPrice({ rates: modelRates.parse(rates), source: 'override' }, serviceTier === '' ? undefined : serviceTier);
    if (kept.size >= MOST_KEPT) kept.clear();
    kept.set(key, price);
    return price;
  };
}

/** Prices out of the table. An entry of a refreshed table that cannot be used is told of, and has no price. */
function createTablePrices(onProblem: (error: unknown) => void): PriceOf<PriceQuery> {
  const kept = new Map<string, ModelPrice | undefined>();
  let minute = Number.NaN;
  let revision = Number.NaN;
  const priced = (query: PriceQuery, serviceTier: string | undefined): ModelPrice | undefined => {
    try {
      const found = builtInPrices(query);
      return found && modelPrice(found, serviceTier);
    } catch (error) {
      onProblem(error);
      return undefined;
    }
  };
  return (query, serviceTier) => {
    const now = Math.floor(query.at / KEPT_MS);
    if (now !== minute || revision !== priceTableRevision() || kept.size >= MOST_KEPT) kept.clear();
    minute = now;
    revision = priceTableRevision();
    const key = `${query.model}\n${query.provider ?? ''}\n${serviceTier ?? ''}`;
    const known = kept.get(key);
    if (known !== undefined || kept.has(key)) return known;
    const price = priced(query, serviceTier);
    kept.set(key, price);
    return price;
  };
}
