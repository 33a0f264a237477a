import type { ModelCall, ReasoningSettings } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';
import { thinksByDefault } from './families.ts';
import { createLearned, type Observations } from './learned.ts';

/** What to expect of a call's output, before it is made. */
export interface OutputEstimates {
  /** Output tokens to expect, reasoning included; never above `cap`. */
  expected(call: ModelCall, cap: number): number;
  /** Reasoning tokens to expect; never above `cap`. */
  reasoning(call: ModelCall, cap: number): number;
  learn(call: ModelCall, model: string, billed: UsageReport): void;
}

/** Share of the cap that an effort may take for thinking: what OpenRouter allots by effort (openrouter.ai/docs, "Reasoning Tokens"). */
const shareOfEffort: Readonly<Record<NonNullable<ReasoningSettings['effort']>, number>> = {
  none: 0,
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.95,
};

/** A visible answer of a model that was not seen before: a few paragraphs. */
const USUAL_ANSWER_TOKENS = 500;

/** Calls that must have been seen before they say more than the settings. */
const ENOUGH = 3;

/** Makes estimates that know nothing yet. */
export function createOutputEstimates(): OutputEstimates {
  const outputs = createLearned();
  const reasonings = createLearned();
  const seen = (learned: typeof outputs, call: ModelCall): Observations | undefined => {
    const known = learned.of(keyOf(call, call.model));
    return known !== undefined && known.count >= ENOUGH ? known : undefined;
  };

  const reasoning = (call: ModelCall, cap: number): number => {
    const { effort, maxTokens } = call.reasoning ?? {};
    if (effort === 'none') return 0;
    const answers = Math.max(1, call.n ?? 1);
    if (isBudget(maxTokens)) return Math.min(cap, Math.ceil(maxTokens) * answers);
    if (effort === undefined && !thinksByDefault(call.model)) return 0;
    const known = seen(reasonings, call);
    if (known !== undefined) return Math.min(cap, Math.ceil(known.mean + 2 * known.deviation));
    return Math.floor(cap * shareOf(effort ?? 'medium'));
  };

  return {
    reasoning,
    expected(call, cap) {
      const known = seen(outputs, call);
      if (known !== undefined) return Math.min(cap, Math.ceil(known.mean));
      return Math.min(cap, USUAL_ANSWER_TOKENS * Math.max(1, call.n ?? 1) + reasoning(call, cap));
    },
    learn(call, model, { outputTokens, reasoningTokens }) {
      const key = keyOf(call, model);
      if (outputTokens !== undefined) outputs.add(key, outputTokens);
      if (reasoningTokens !== undefined) reasonings.add(key, reasoningTokens);
    },
  };
}

/** An effort that is not known here is a new one of some provider's, which seldom means less than the highest. */
const shareOf = (effort: keyof typeof shareOfEffort): number =>
  Object.hasOwn(shareOfEffort, effort) ? shareOfEffort[effort] : shareOfEffort.xhigh;

/** A budget that can be one; a host's NaN or negative number is as good as none. */
const isBudget = (maxTokens: number | undefined): maxTokens is number => typeof maxTokens === 'number' && maxTokens >= 0;

/** One model answers one agent's questions at one effort alike. */
const keyOf = ({ agent = '', reasoning, n = 1 }: ModelCall, model: string): string =>
  `${model}\n${agent}\n${reasoning?.effort ?? ''}\n${n}`;
