import { readFile } from 'node:fs/promises';
import { InvalidOptionError } from '../../core/errors.ts';
import { entryFor } from '../name-patterns.ts';
import { optionIssues } from '../option-issues.ts';
import type { PriceFunction } from '../options.ts';
import { modelRates, type ModelRates } from './rates.ts';

/** A price function whose prices can be read anew while the guard runs. */
export interface RefreshablePrices extends PriceFunction {
  /** Reads the prices now. Until it succeeds for the first time the function knows no price; a failure keeps the prices of before. */
  refresh(): Promise<void>;
}

/**
 * Prices that come from a function of the user's (a file, a service, a secret store) and can be read again at any time, for
 * `createGuard({ prices })`. Nothing is read by itself: call `refresh` at the start and whenever prices may have changed.
 *
 * @example
 * const prices = refreshablePrices(() => fetchOurPrices());
 * await prices.refresh();
 * const guard = createGuard({ prices });
 * setInterval(() => prices.refresh().catch(report), 3_600_000).unref();
 *
 * @throws {InvalidOptionError} from `refresh`, for prices that cannot be used; it names each of them.
 */
export function refreshablePrices(read: () => unknown): RefreshablePrices {
  let current: Readonly<Record<string, ModelRates>> = {};
  const prices: PriceFunction = ({ model }) => entryFor(current, model);
  return Object.assign(prices, {
    async refresh() {
      current = checkedPrices(await read());
    },
  });
}

/**
 * {@link refreshablePrices} from a JSON file: an object of prices by model name, in USD per million tokens.
 *
 * @example
 * // prices.json: { "house-model": { "input": 0.5, "output": 1.5 }, "gpt-*": { "input": 2, "output": 8 } }
 * const prices = pricesFromFile('prices.json');
 * await prices.refresh();
 */
export const pricesFromFile = (path: string): RefreshablePrices =>
  refreshablePrices(async () => JSON.parse(await readFile(path, 'utf8')) as unknown);

function checkedPrices(given: unknown): Record<string, ModelRates> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidOptionError('prices', [{ path: '', message: 'give an object of prices by model name', value: typeof given }]);
  }
  const checked: Record<string, ModelRates> = {};
  const issues: InvalidOptionError['issues'][number][] = [];
  for (const [model, rates] of Object.entries(given)) {
    const result = modelRates.safeParse(rates, { reportInput: true });
    if (result.success) checked[model] = result.data;
    else issues.push(...optionIssues(result.error, model));
  }
  if (issues.length > 0) throw new InvalidOptionError('prices', issues);
  return checked;
}
