/**
 * What one model call used, in tokens. Integers.
 * Cached input and cache writes are parts of `inputTokens`, reasoning is a part of `outputTokens`: they are never added again.
 */
export interface Usage {
  /** All input tokens, cached ones and cache writes included. */
  readonly inputTokens: number;
  /** The part of the input that was read from the provider's cache. */
  readonly cachedInputTokens: number;
  /** The part of the input that was written to the provider's cache. */
  readonly cacheWriteTokens: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens: number;
  /** The part of the output that was spent on reasoning. */
  readonly reasoningTokens: number;
  /** The part of the input that was audio, where it is known: it has a price of its own. */
  readonly audioInputTokens?: number;
  /** The part of the output that was audio, where it is known. */
  readonly audioOutputTokens?: number;
  /** The part of the cache writes that is kept for an hour, where it is known: it costs more than a short one. */
  readonly longCacheWriteTokens?: number;
}

/** What a caller knows of a call's usage. A field that is absent is unknown, an explicit 0 is 0. */
export type UsageReport = { readonly [K in keyof Usage]?: number | undefined } & {
  /** What the provider itself says the call cost, in USD; it wins over a price table. */
  readonly usd?: number | undefined;
};
