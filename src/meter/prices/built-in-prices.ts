import { calcPrice } from '@pydantic/genai-prices';
import { ratesFromEntry } from './table-entry.ts';
import type { ModelRates, PriceSource } from './rates.ts';

/**
 * The prices of the table that comes with the package `@pydantic/genai-prices`. Nothing is fetched.
 * The provider narrows the search; where it is unknown to the table, the model's name alone decides.
 */
export const builtInPrices: PriceSource = ({ model, provider, at }) => {
  for (const [name, providerId] of lookUps(model, provider)) {
    const found = calcPrice({}, name, { timestamp: new Date(at), ...(providerId === undefined ? {} : { providerId }) });
    const rates = found === null ? undefined : ratesFromEntry(found.model_price);
    if (found === null || rates === undefined) continue;
    const isClaude = found.model.id.includes('claude');
    return { rates: isClaude ? withLongWrites(rates) : rates, source: `genai-prices:${found.provider.id}/${found.model.id}` };
  }
  return undefined;
};

/** A name of Bedrock's: a vendor and its model, where needed behind a region. */
const bedrockName = /^(?:[a-z-]+\.)?[a-z0-9]+\.[a-z]/i;

/**
 * The ways in which a name may stand in the table, the most telling one first. A fine-tuned model is looked for under its whole name only:
 * it costs more than its base.
 */
export function* lookUps(model: string, provider: string | undefined): Generator<[model: string, provider: string | undefined]> {
  if (provider !== undefined) yield [model, provider];
  yield [model, undefined];
  const parts = model.split('/');
  if (parts.length > 1) {
    yield [parts.slice(1).join('/'), parts[0]];
    yield [parts.at(-1) ?? model, undefined];
  }
  if (model.startsWith('ft:')) return yield [model, 'openai'];
  const colon = model.indexOf(':');
  if (colon > 0) yield [model.slice(colon + 1), model.slice(0, colon)];
  if (bedrockName.test(model)) yield [model, 'aws'];
}

/** Claude's writes to a cache that is kept for an hour cost twice its input, at every provider; the table says so for Anthropic alone. */
function withLongWrites(rates: ModelRates): ModelRates {
  if (rates.cacheWrite === undefined || rates.longCacheWrite !== undefined) return rates;
  const tiers = rates.tiers?.map((tier) => (tier.input === undefined ? tier : { ...tier, longCacheWrite: 2 * tier.input }));
  return { ...rates, longCacheWrite: 2 * rates.input, ...(tiers === undefined ? {} : { tiers }) };
}
