import { createMeter, type ModelPrice } from 'holdfast';
import type { RecordedRun, RecordedStep } from './recorded-run.ts';

/** What one recorded step cost. Unknown is null, never 0. */
export interface StepFigures {
  readonly tokens: number | null;
  readonly nanoUsd: number | null;
  /** How many metered steps it stands for: its tool call, and the model call that asked for it at the first of a round. */
  readonly meteredSteps: number;
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly isEstimated: boolean;
}

/** Four characters a token: the usual rule of thumb for English. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Tokens and dollars of each step. Where the file gives no figures they are estimated: input is all that came before,
 * output what the model wrote, both at four characters a token. Dollars need a model with a known price.
 */
export function figuresOf(run: RecordedRun, modelOverride?: string): readonly StepFigures[] {
  const price = priceOf(modelOverride ?? run.model);
  let before = run.promptLength;
  let previous: RecordedStep | undefined;
  return run.steps.map((step, index) => {
    const isFirst = previous?.round !== step.round;
    const figures = isFirst ? callFigures(step, writtenInRound(run, index), before, price) : nothing;
    before += step.writtenLength + step.readLength;
    previous = step;
    const toolCalls = step.kind === 'tool' ? 1 : 0;
    const modelCalls = isFirst ? 1 : 0;
    return { ...figures, modelCalls, toolCalls, meteredSteps: modelCalls + toolCalls };
  });
}

const nothing = { tokens: 0, nanoUsd: 0, isEstimated: false };

function writtenInRound({ steps }: RecordedRun, first: number): number {
  let sum = 0;
  for (let index = first; index < steps.length && steps[index]?.round === steps[first]?.round; index++)
    sum += steps[index]?.writtenLength ?? 0;
  return sum;
}

function callFigures(
  step: RecordedStep,
  written: number,
  before: number,
  price: ModelPrice | undefined,
): Pick<StepFigures, 'tokens' | 'nanoUsd' | 'isEstimated'> {
  const isEstimated = step.inputTokens === null || step.outputTokens === null;
  const inputTokens = step.inputTokens ?? Math.ceil(before / CHARACTERS_PER_TOKEN);
  const outputTokens = step.outputTokens ?? Math.ceil(written / CHARACTERS_PER_TOKEN);
  const usage = { inputTokens, outputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  return { tokens: inputTokens + outputTokens, nanoUsd: price === undefined ? null : price.cost(usage), isEstimated };
}

const prices = new Map<string, ModelPrice | undefined>();
const PRICES_MAX = 1000;

function priceOf(model: string | null): ModelPrice | undefined {
  if (model === null) return undefined;
  if (!prices.has(model) && prices.size < PRICES_MAX) prices.set(model, createMeter().price(model));
  return prices.get(model);
}
