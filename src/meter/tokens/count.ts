import type { Encoding } from '../families.ts';
import { fewestTokens, mostTokensOf } from './bounds.ts';
import { encoderFor, encoderLater } from './encodings.ts';
import { inSlices } from './slices.ts';
import { CHUNK_UNITS, countChunk, createTextCount } from './text-count.ts';

/** The longest text that is counted at once, in UTF-16 units: about a millisecond, a few for a hostile one. */
export const SHORT_TEXT_UNITS = 16_384;

/**
 * The tokens of a text, at once, however long it is. With a `limit` counting stops soon above it, and the answer is then only
 * known to be larger than the limit.
 */
export function countNow(text: string, encoding: Encoding, limit = Number.POSITIVE_INFINITY): number {
  if (text.length <= 1) return text.length === 0 ? 0 : countChunk(encoderFor(encoding), text);
  if (fewestTokens(text) > limit) return fewestTokens(text);
  if (text.length <= CHUNK_UNITS) return countChunk(encoderFor(encoding), text);
  const count = createTextCount(encoderFor(encoding), text);
  while (count.step() && count.tokens <= limit);
  return count.tokens;
}

/** The tokens of two strings as one text, at once: what streams is counted without being joined first. */
export const countAfter = (before: string, text: string, encoding: Encoding): number =>
  text.length <= CHUNK_UNITS - before.length ? countChunk(encoderFor(encoding), text, before) : countNow(before + text, encoding);

/**
 * The tokens of a text, in slices that give the event loop back. `limit` as for {@link countNow}.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function countLater(
  text: string,
  encoding: Encoding,
  limit = Number.POSITIVE_INFINITY,
  signal?: AbortSignal,
): Promise<number> {
  signal?.throwIfAborted();
  if (fewestTokens(text) > limit) return fewestTokens(text);
  const count = createTextCount(await encoderLater(encoding), text);
  await inSlices(() => count.step() && count.tokens <= limit, signal);
  return count.tokens;
}

/** What the bounds alone say of whether a text has at most `limit` tokens; undefined where it must be counted. */
export function isWithinBounds(text: string, limit: number): boolean | undefined {
  if (fewestTokens(text) > limit) return false;
  if (mostTokensOf(text.length) <= limit) return true;
  return undefined;
}
