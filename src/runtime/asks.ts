import { amountsOf, onlyThese, zero, type Amounts } from '../core/amounts.ts';
import { InvalidOptionError } from '../core/errors.ts';
import { toNano } from '../core/money.ts';
import type { Ask } from '../core/reservation.ts';
import type { Call, ModelCall } from '../core/step.ts';
import type { Usage } from '../core/usage.ts';
import type { InputCount, Meter, ModelPrice } from '../meter/meter.ts';
import type { ToolPolicy } from '../loops/options.ts';
import { plainUsage } from './totals.ts';

/** What a model call was expected to need before it was made. */
export interface ModelTerms {
  readonly input: InputCount;
  readonly price: ModelPrice | undefined;
  readonly ask: Ask;
  readonly expected: Expectation;
}

/** What a step is likely to take, for people to see beside what was held and what was billed. */
export interface Expectation {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly nanoUsd: number;
}

export const nothingExpected: Expectation = { inputTokens: 0, outputTokens: 0, nanoUsd: 0 };

/** The upper bound of a model call: counted input at the dearer price, plus the output cap. */
export function modelTerms(call: ModelCall, input: InputCount, price: ModelPrice | undefined, meter: Meter, minUseful: number): ModelTerms {
  const answers = Math.max(1, whole('n', call.n) ?? 1);
  // For all answers together.
  const outputCap = (whole('maxOutputTokens', call.maxOutputTokens) ?? meter.defaultOutputCap(call.model)) * answers;
  const reasoning = meter.reasoningEstimate(call, outputCap);
  const base = onlyThese({
    usd: price?.inputBound(input.upper) ?? 0,
    tokens: input.upper,
    inputTokens: input.upper,
    reasoningTokens: reasoning,
    steps: 1,
    modelCalls: 1,
  });
  const perUnit = onlyThese({ usd: price?.outputTokenBound(input.upper) ?? 0, tokens: 1, outputTokens: 1 });
  const unitsLeast = Math.min(outputCap, minUseful * answers);
  const ask: Ask = { base, perUnit, unitsWanted: outputCap, unitsLeast, yielding: ['reasoningTokens'] };
  const likely = plainUsage(input.likely, meter.expectedOutput(call, outputCap));
  const expected = { inputTokens: likely.inputTokens, outputTokens: likely.outputTokens, nanoUsd: price?.cost(likely) ?? 0 };
  return { input, price, ask, expected };
}

function whole(path: 'n' | 'maxOutputTokens', value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new InvalidOptionError('a model call', [
    { path, message: `expected a whole number of 0 or more, or nothing, got ${value}`, value },
  ]);
}

/** More output than was held for, while it streams: as much as is wanted, or whatever is left. */
export const furtherOutputAsk = (terms: ModelTerms, wanted: number): Ask => ({
  base: zero,
  perUnit: terms.ask.perUnit ?? zero,
  unitsWanted: wanted,
  unitsLeast: 1,
});

/** Another attempt of the same call: it is held like the first, but it is no further step. */
export const furtherAttemptAsk = ({ ask }: ModelTerms): Ask => ({ ...ask, base: { ...ask.base, steps: 0 } });

/** What one tool call takes. */
export function toolAsk(call: Call, policyOf: (name: string) => ToolPolicy | undefined): Ask {
  const usd = call.kind === 'tool' ? (call.usd ?? policyOf(call.name)?.usd) : undefined;
  return { base: usd ? { ...oneToolCall, usd: toNano(usd) } : oneToolCall };
}

const oneToolCall = Object.freeze(onlyThese({ steps: 1, toolCalls: 1 }));

/** A usage as amounts; `steps` is 0 for an attempt that is not a step of its own. */
export const usageAmounts = (usage: Usage, nanoUsd: number, steps: number): Amounts => ({
  usd: nanoUsd,
  tokens: usage.inputTokens + usage.outputTokens,
  inputTokens: usage.inputTokens,
  outputTokens: usage.outputTokens,
  reasoningTokens: usage.reasoningTokens,
  steps,
  modelCalls: 1,
  toolCalls: 0,
});

/**
 * Deals what was used over several holds of one step, so that each is booked with what it held and only what none
 * held is overage of the first.
 */
export function dealOver(used: Amounts, holds: readonly Amounts[]): Amounts[] {
  let left = used;
  const parts = holds.slice(1).map((hold) => {
    const first = holds[0] ?? zero;
    const part = amountsOf((d) => Math.max(0, Math.min(hold[d], left[d] - first[d])));
    left = amountsOf((d) => left[d] - part[d]);
    return part;
  });
  return [left, ...parts];
}
