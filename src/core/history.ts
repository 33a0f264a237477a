/** An input that is so much smaller than the one before begins anew, or was shortened: nothing of it counts as carried. */
const SHORTENED = 0.9;

/** What a model call sent and got, in tokens. */
export interface SentBefore {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * How much of a model call's input had been sent before. A call that goes on where the last one of its conversation stopped
 * sends that one's input and output again; what is above that is new. Undefined where it does not go on: it begins anew.
 *
 * @example carriedFrom({ inputTokens: 400, outputTokens: 50 }, 700); // 450 of the 700 tokens were sent before
 */
export function carriedFrom(before: SentBefore | undefined, inputTokens: number): number | undefined {
  if (before === undefined || inputTokens < before.inputTokens * SHORTENED) return undefined;
  return Math.min(inputTokens, before.inputTokens + before.outputTokens);
}
