import type { Meter, Usage } from 'holdfast';
import { UsageError } from '../usage-error.ts';

/** The tokens of one model call. */
export interface CallTokens {
  readonly model: string;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  /** The part of the input that had been sent before. */
  readonly carriedTokens: number;
}

const usageOf = ({ inputTokens, cachedInputTokens, outputTokens }: CallTokens): Usage => ({
  inputTokens: Math.round(inputTokens),
  cachedInputTokens: Math.min(Math.round(inputTokens), Math.round(cachedInputTokens)),
  cacheWriteTokens: 0,
  outputTokens: Math.round(outputTokens),
  reasoningTokens: 0,
});

/** What calls cost together, in dollars. */
export function costOfCalls(meter: Meter, calls: readonly CallTokens[], model?: string): number {
  let nanoUsd = 0;
  for (const call of calls) {
    const name = model ?? call.model;
    const price = meter.price(name);
    if (!price)
      throw new UsageError(
        `no price is known for model "${name}"; give one with --prices FILE: { "${name}": { "input": 1, "output": 4 } }`,
      );
    nanoUsd += price.cost(usageOf(call));
  }
  return nanoUsd / 1e9;
}

/** The calls of one interaction that is described by numbers: each call sends again what came before it. */
export function describedCalls(
  model: string,
  calls: number,
  inputTokens: number,
  outputTokens: number,
  growthTokens: number,
): CallTokens[] {
  const whole = Math.max(1, Math.round(calls));
  return Array.from({ length: whole }, (_, index) => ({
    model,
    inputTokens: inputTokens + growthTokens * index,
    cachedInputTokens: 0,
    outputTokens,
    carriedTokens: index === 0 ? 0 : inputTokens + growthTokens * (index - 1),
  }));
}

/** The same calls with half the history. */
export const withHalfHistory = (calls: readonly CallTokens[]): CallTokens[] =>
  calls.map((call) => ({
    ...call,
    inputTokens: call.inputTokens - call.carriedTokens / 2,
    cachedInputTokens: Math.max(0, call.cachedInputTokens - call.carriedTokens / 2),
  }));

/** The same calls with answers of at most so many tokens. */
export const withCap = (calls: readonly CallTokens[], cap: number): CallTokens[] =>
  calls.map((call) => ({ ...call, outputTokens: Math.min(cap, call.outputTokens) }));
