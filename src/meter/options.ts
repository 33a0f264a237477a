import { z } from 'zod';
import type { ModelCall } from '../core/step.ts';
import { modelRates, type ModelRates, type PriceQuery } from './prices/rates.ts';

/** Counts the tokens of a text with a model's own tokenizer. Must return an integer of 0 or more. */
export type TextTokenizer = (text: string, model: string) => number;

/** Asks for the input tokens of a whole call. Must give up when `signal` is aborted. */
export type CallTokenizer = (call: ModelCall, signal: AbortSignal) => Promise<number>;

/** A tokenizer of the user's for one family of models. Give at least one of the two. */
export interface Tokenizer {
  /** Counts one text; called once per new text, its answers are remembered. */
  readonly count?: TextTokenizer | undefined;
  /** Asks the provider how many input tokens a whole call has (a count endpoint). Errors and delays fall back to the local count. */
  readonly countCall?: CallTokenizer | undefined;
  /** How long `countCall` may take, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined;
}

/** A price source of the user's: USD per million tokens, or undefined for a model that it does not know. */
export type PriceFunction = (query: PriceQuery) => ModelRates | undefined;

const isFunction = (value: unknown): boolean => typeof value === 'function';

const tokenizer = z.union(
  [
    z.custom<TextTokenizer>(isFunction),
    z
      .strictObject({
        count: z.custom<TextTokenizer>(isFunction, 'give a function (text, model) => number of tokens').optional(),
        countCall: z.custom<CallTokenizer>(isFunction, 'give a function (call, signal) => promise of tokens').optional(),
        timeoutMs: z.int().min(1).max(60_000).optional(),
      })
      .refine(({ count, countCall }) => count !== undefined || countCall !== undefined, 'give `count` or `countCall`'),
  ],
  { error: 'give a function (text, model) => number of tokens, or { count?, countCall?, timeoutMs? }' },
);

/** A record is looked through model by model, so that an error names the very rate. */
const prices = z
  .union([z.record(z.string().min(1), z.unknown()), z.custom<PriceFunction>(isFunction)], {
    error: 'give a function, or prices by model name in USD per million tokens, each with at least `input` and `output`',
  })
  .transform((given, { issues }): Readonly<Record<string, ModelRates>> | PriceFunction => {
    if (typeof given === 'function') return given;
    const checked: Record<string, ModelRates> = {};
    for (const [model, rates] of Object.entries(given)) {
      const result = modelRates.safeParse(rates, { reportInput: true });
      if (result.success) checked[model] = result.data;
      else issues.push(...result.error.issues.map((issue) => ({ ...issue, path: [model, ...issue.path] }) as never));
    }
    return checked;
  });

/** The options of the guard that are about counting and prices; each has a default. */
export const meterOptions = z.strictObject({
  /**
   * Prices per model, in USD per million tokens, over those of the built-in table; or a function that is asked at every
   * call and whose undefined means "as the table says". A name may end in `*`; the longest name that fits wins.
   */
  prices: prices.optional(),
  /** Tokenizers by model name, which may end in `*`; the longest name that fits wins. */
  tokenizers: z.record(z.string().min(1), tokenizer).optional(),
  /** What is added to a count as a fraction of it. Default: 0.02 where the model's own tokenizer counts, else 0.15. */
  margin: z.number().min(0).max(2, 'a margin is a fraction: 0.15 adds 15 %').optional(),
  /** The output cap of a call that names none, in tokens. Default: 4,096, or 16,384 for models that reason. */
  maxOutputTokens: z.int().min(1).max(10_000_000).optional(),
});

/** See {@link meterOptions}. */
export type MeterOptions = z.infer<typeof meterOptions>;
