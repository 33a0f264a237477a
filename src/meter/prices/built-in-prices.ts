import { calcPrice } from '@pydantic/genai-prices';
import { ratesFromEntry } from './table-entry.ts';
import type { PriceSource } from './rates.ts';

/**
 * The prices of the table that comes with the package `@pydantic/genai-prices`. Nothing is fetched.
 * The provider narrows the search; where it is unknown to the table, the model's name alone decides.
 */
export const builtInPrices: PriceSource = ({ model, provider, at }) => {
  for (const [name, providerId] of lookUps(model, provider)) {
    const found = calcPrice({}, name, { timestamp: new Date(at), ...(providerId === undefined ? {} : { providerId }) });
    const rates = found === null ? undefined : ratesFromEntry(found.model_price);
    if (found !== null && rates !== undefined) return { rates, source: `genai-prices:${found.provider.id}/${found.model.id}` };
  }
  return undefined;
};

/** The ways in which a name may stand in the table, the most telling one first. */
export function* lookUps(model: string, provider: string | undefined): Generator<[model: string, provider: string | undefined]> {
  if (provider !== undefined) yield [model, provider];
  yield [model, undefined];
  const parts = model.split('/');
  if (parts.length > 1) {
    yield [parts.slice(1).join('/'), parts[0]];
    yield [parts.at(-1) ?? model, undefined];
  }
  if (model.startsWith('ft:')) yield [model.split(':')[1] ?? model, provider];
}
