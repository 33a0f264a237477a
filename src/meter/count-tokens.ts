import { InvalidOptionError } from '../core/errors.ts';
import { familyOf, type Encoding, type ModelFamily } from './families.ts';
import { countLater, countNow, isWithinBounds, SHORT_TEXT_UNITS } from './tokens/count.ts';
import { loadedEncoder } from './tokens/encodings.ts';

/** How a text is to be counted. */
export interface CountTokensOptions {
  /** The model whose tokens are asked for, as its host writes it. Default: `gpt-4o`. */
  readonly model?: string | undefined;
  /** The vocabulary to count in; it wins over `model`. */
  readonly encoding?: Encoding | undefined;
  /** Stop soon above so many tokens: the answer is then only known to be larger than the limit. */
  readonly limit?: number | undefined;
  /** Ends a long count early, with the signal's reason as the error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Counts the tokens of a text: exactly for OpenAI models (`o200k_base`, `cl100k_base`), on the safe side for others, whose
 * family's factor is applied. Text that looks like a special token (`<|endoftext|>`) is counted as the plain text that it is.
 * Time grows with the length of the text whatever is in it; long texts are counted in slices of a few milliseconds.
 *
 * @example
 * await countTokens('Hello, world'); // 3
 * await countTokens(book, { model: 'gpt-4.1', limit: 8_000, signal: run.signal });
 *
 * @throws {InvalidOptionError} for a text that is no string, an unknown encoding, a limit that is no number of 0 or more.
 */
export async function countTokens(text: string, options: CountTokensOptions = {}): Promise<number> {
  const { family, limit } = checked(text, options);
  options.signal?.throwIfAborted();
  const ownLimit = limit / family.factor;
  const isQuick = text.length <= SHORT_TEXT_UNITS && loadedEncoder(family.encoding) !== undefined;
  const count = isQuick ? countNow(text, family.encoding, ownLimit) : await countLater(text, family.encoding, ownLimit, options.signal);
  return Math.ceil(count * family.factor);
}

/**
 * Whether a text has at most `limit` tokens. Where the length of the text alone decides, nothing is tokenized at all;
 * else counting stops as soon as the answer is known.
 *
 * @example
 * if (!(await withinTokens(page, 8_000, { model: 'gpt-4o' }))) page = await summarize(page);
 *
 * @throws {InvalidOptionError} as {@link countTokens}.
 */
export async function withinTokens(text: string, limit: number, options: Omit<CountTokensOptions, 'limit'> = {}): Promise<boolean> {
  const { family } = checked(text, { ...options, limit });
  options.signal?.throwIfAborted();
  const ownLimit = Math.floor(limit / family.factor);
  return isWithinBounds(text, ownLimit) ?? (await countTokens(text, { ...options, limit })) <= limit;
}

function checked(text: unknown, { model = 'gpt-4o', encoding, limit }: CountTokensOptions): { family: ModelFamily; limit: number } {
  if (typeof text !== 'string') throw invalid('text', `give a string, got ${text === null ? 'null' : typeof text}`, typeof text);
  if (limit !== undefined && !(typeof limit === 'number' && limit >= 0))
    throw invalid('limit', 'give a number of tokens of 0 or more', limit);
  if (typeof model !== 'string') throw invalid('model', 'give the name of a model', model);
  if (encoding === undefined) return { family: familyOf(model), limit: limit ?? Number.POSITIVE_INFINITY };
  if (!Object.hasOwn(familyOfEncoding, encoding)) throw invalid('encoding', 'give o200k_base or cl100k_base', encoding);
  return { family: familyOfEncoding[encoding], limit: limit ?? Number.POSITIVE_INFINITY };
}

const familyOfEncoding: Readonly<Record<Encoding, ModelFamily>> = { o200k_base: familyOf('gpt-4o'), cl100k_base: familyOf('gpt-4') };

const invalid = (path: string, message: string, value: unknown): InvalidOptionError =>
  new InvalidOptionError('tokens', [{ path, message, value }]);
