import { z } from 'zod';

/** No model has cost more than 600 USD per million tokens; a price above this is a slip in the unit. */
const MAX_RATE = 100_000;

const rate = z
  .number({ error: 'give a price as a number of USD, such as 2.5' })
  .min(0, 'a price cannot be negative; give 0 for a model that is free')
  .max(MAX_RATE, `a price above ${MAX_RATE} USD is a slip in the unit; prices are USD per million tokens`);

const rateFields = {
  /** Input tokens. */
  input: rate,
  /** Output tokens. */
  output: rate,
  /** Input read from the provider's cache. Default: as `input`. */
  cachedInput: rate.optional(),
  /** Input written to the provider's cache. Default: as `input`. */
  cacheWrite: rate.optional(),
  /** Input written to a cache that is kept for an hour. Default: as `cacheWrite`. */
  longCacheWrite: rate.optional(),
  /** Reasoning tokens. Default: as `output`. */
  reasoning: rate.optional(),
  /** Audio tokens in the input. Default: as `input`. */
  audioInput: rate.optional(),
  /** Audio tokens in the output. Default: as `output`. */
  audioOutput: rate.optional(),
};

const partialRates = z.strictObject({ ...rateFields, input: rate.optional(), output: rate.optional() });

/** Prices of one model as a user gives them. */
export const modelRates = z.strictObject(
  {
    ...rateFields,
    /** How many tokens a rate is for. Default: a million. */
    per: z.union([z.literal(1_000_000), z.literal(1_000), z.literal(1)]).optional(),
    /** A fee for each call, in USD. Default 0. */
    perCall: rate.optional(),
    /** Rates that hold for the whole request once its input is larger than `above` tokens. */
    tiers: z.array(partialRates.extend({ above: z.int().min(0) })).optional(),
    /** Per service tier (`batch`, `flex`, `priority`, …): a factor on all rates, or rates of its own. */
    serviceTiers: z.record(z.string(), z.union([z.number().min(0).max(100), partialRates])).optional(),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'give the prices of a model, such as { input: 2.5, output: 10 }' : undefined) },
);

/**
 * Prices of one model, in USD per million tokens.
 *
 * @example
 * { input: 2.5, cachedInput: 1.25, output: 10, serviceTiers: { batch: 0.5 } }
 */
export type ModelRates = z.infer<typeof modelRates>;

/** The rates that a tier may change. */
export type PartialRates = z.infer<typeof partialRates>;

/** What is asked of a price source. */
export interface PriceQuery {
  readonly model: string;
  readonly provider?: string | undefined;
  /** The moment of the call, in milliseconds since the epoch: prices change on dates and by the hour. */
  readonly at: number;
}

/** Rates together with where they came from. */
export interface SourcedRates {
  readonly rates: ModelRates;
  /** For the report: `override`, or a table's id and the entry's. */
  readonly source: string;
}

/** Finds the rates of a model, or undefined where it knows none. */
export type PriceSource = (query: PriceQuery) => SourcedRates | undefined;
