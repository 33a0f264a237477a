import { updatePrices, type ProviderDataPayload } from '@pydantic/genai-prices';
import { InvalidOptionError } from '../../core/errors.ts';

/** How often the table was replaced. What was worked out of an older one is out of date. */
let revision = 0;

/** A number that changes with every refresh of the table. */
export const priceTableRevision = (): number => revision;

/**
 * Replaces the built-in price table of the whole process by a newer one, in the form in which github.com/pydantic/genai-prices publishes
 * it (`prices/new_data/v2/data.json`). Nothing is fetched by itself: give a function that reads the file, or fetches it. All guards take
 * the new prices for calls that begin from then on; a call that is held keeps its own.
 *
 * @example
 * await refreshPriceTable(async () => JSON.parse(await readFile('genai-prices.json', 'utf8')));
 *
 * @throws {InvalidOptionError} for data that is no such table; the table of before stays.
 */
export async function refreshPriceTable(read: () => unknown): Promise<void> {
  const providers = await read();
  if (!Array.isArray(providers) || providers.length === 0)
    throw notATable('give the list of providers, as its data.json has it', providers);
  try {
    updatePrices(({ setProviderData }) => setProviderData(providers as ProviderDataPayload));
  } catch (error) {
    throw notATable(`the data is not in the form of its data.json: ${error instanceof Error ? error.message : String(error)}`, providers);
  }
  revision++;
}

const notATable = (message: string, given: unknown): InvalidOptionError =>
  new InvalidOptionError('price table', [{ path: '', message, value: Array.isArray(given) ? 'a list' : typeof given }]);
