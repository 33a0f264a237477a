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
