import type { Amounts, Dimension } from 'holdfast';

/** `a + factor x b`. Written out, for it is done several times in every step. */
export const sum = (a: Amounts, b: Amounts, factor = 1): Amounts => ({
  usd: a.usd + factor * b.usd,
  tokens: a.tokens + factor * b.tokens,
  inputTokens: a.inputTokens + factor * b.inputTokens,
  outputTokens: a.outputTokens + factor * b.outputTokens,
  reasoningTokens: a.reasoningTokens + factor * b.reasoningTokens,
  steps: a.steps + factor * b.steps,
  modelCalls: a.modelCalls + factor * b.modelCalls,
  toolCalls: a.toolCalls + factor * b.toolCalls,
});

/** Room without end. */
export const endless: Amounts = Object.freeze({
  usd: Infinity,
  tokens: Infinity,
  inputTokens: Infinity,
  outputTokens: Infinity,
  reasoningTokens: Infinity,
  steps: Infinity,
  modelCalls: Infinity,
  toolCalls: Infinity,
});

export type Sums = { -readonly [D in Dimension]: number };

export function addTo(target: Sums, amounts: Amounts, factor: 1 | -1): void {
  target.usd += factor * amounts.usd;
  target.tokens += factor * amounts.tokens;
  target.inputTokens += factor * amounts.inputTokens;
  target.outputTokens += factor * amounts.outputTokens;
  target.reasoningTokens += factor * amounts.reasoningTokens;
  target.steps += factor * amounts.steps;
  target.modelCalls += factor * amounts.modelCalls;
  target.toolCalls += factor * amounts.toolCalls;
}

/** Whether what was settled and opened leaves room for so much of what there is at most. */
export const hasRoom = (most: Amounts, settled: Amounts, opened: Amounts, amounts: Amounts): boolean =>
  settled.usd + opened.usd + amounts.usd <= most.usd &&
  settled.tokens + opened.tokens + amounts.tokens <= most.tokens &&
  settled.inputTokens + opened.inputTokens + amounts.inputTokens <= most.inputTokens &&
  settled.outputTokens + opened.outputTokens + amounts.outputTokens <= most.outputTokens &&
  settled.reasoningTokens + opened.reasoningTokens + amounts.reasoningTokens <= most.reasoningTokens &&
  settled.steps + opened.steps + amounts.steps <= most.steps &&
  settled.modelCalls + opened.modelCalls + amounts.modelCalls <= most.modelCalls &&
  settled.toolCalls + opened.toolCalls + amounts.toolCalls <= most.toolCalls;

/** Whether one of the amounts has come up to a mark. */
export const reachesAny = (amounts: Amounts, marks: Amounts): boolean =>
  amounts.usd >= marks.usd ||
  amounts.tokens >= marks.tokens ||
  amounts.inputTokens >= marks.inputTokens ||
  amounts.outputTokens >= marks.outputTokens ||
  amounts.reasoningTokens >= marks.reasoningTokens ||
  amounts.steps >= marks.steps ||
  amounts.modelCalls >= marks.modelCalls ||
  amounts.toolCalls >= marks.toolCalls;
