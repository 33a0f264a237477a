import type { SplitInput } from './carried-tokens.ts';
import type { Finding } from './finding.ts';
import { groups } from './groups.ts';
import type { StepEndEntry } from '../log/entry.ts';
import { isModelStep } from './model-step.ts';
import type { PartCost } from './part-cost.ts';
import { sizeHistogram } from './size-histogram.ts';
import { tokensText } from './words.ts';

/** A question of at most so many new tokens is short; an answer above so many is long for it. */
const SHORT_QUESTION = 200;
const LONG_ANSWER = 400;
/** A cap is far above what is used when it is this many times the output of all but the longest 5 % of answers. */
const FAR_ABOVE = 4;
const CALLS_MIN = 20;

/** Output caps far above what is used, and long answers to short questions. Costs the output above 400 tokens, and what was held idle is told. */
export function verboseDefaults(costOf: PartCost) {
  const found = groups<[feature: string, model: string], ReturnType<typeof emptySum>>(emptySum);
  return {
    add(step: StepEndEntry, { fresh }: SplitInput): void {
      if (!isModelStep(step)) return;
      const sum = found.of(step.scopes['feature'] ?? '', step.name);
      const output = step.used.outputTokens ?? 0;
      sum.calls += 1;
      sum.cap += step.held.outputTokens ?? 0;
      sum.idleNanoUsd += Math.max(0, (step.held.nanoUsd ?? 0) - (step.used.nanoUsd ?? 0));
      sum.outputs.add(output);
      const visible = output - (step.usage?.reasoningTokens ?? 0);
      if (fresh > SHORT_QUESTION || visible <= LONG_ANSWER) return;
      sum.long += 1;
      sum.tokens += visible - LONG_ANSWER;
      sum.nanoUsd += costOf(step, { outputTokens: visible - LONG_ANSWER });
    },
    findings(): Finding[] {
      return found.entries().flatMap(([[feature, model], sum]) => {
        const where = { feature, model };
        return [...longAnswers(where, sum), ...wideCaps(where, sum)];
      });
    },
  };
}

const emptySum = () => ({ calls: 0, cap: 0, idleNanoUsd: 0, outputs: sizeHistogram(), long: 0, tokens: 0, nanoUsd: 0 });
type Sum = ReturnType<typeof emptySum>;

function longAnswers(where: Readonly<Record<string, string>>, { long, tokens, nanoUsd, calls }: Sum): Finding[] {
  if (long === 0) return [];
  return [
    {
      pattern: 'verbose-defaults',
      where,
      what: `${long} of ${calls} calls answered at most ${SHORT_QUESTION} new tokens with more than ${LONG_ANSWER}`,
      nanoUsd,
      facts: { calls, longAnswers: long, tokensAbove: tokens },
      remedy: 'ask for short answers in the instructions, and set a cap that fits: shorterReplies, or maxOutputTokens',
    },
  ];
}

function wideCaps(where: Readonly<Record<string, string>>, { calls, cap, outputs, idleNanoUsd }: Sum): Finding[] {
  const usual = outputs.quantile(0.95);
  const mean = cap / calls;
  if (calls < CALLS_MIN || usual === 0 || mean < usual * FAR_ABOVE) return [];
  return [
    {
      pattern: 'verbose-defaults',
      where,
      what: `the output cap is ${tokensText(mean)} tokens, and 95 % of ${calls} answers need at most ${tokensText(usual)}`,
      nanoUsd: 0,
      facts: { calls, meanCap: Math.round(mean), p95OutputTokens: usual, idleHeldUsd: idleNanoUsd / 1e9 },
      remedy: `set maxOutputTokens to about ${tokensText(usual * 1.5)}: holds shrink, and the one answer that runs away is cut`,
    },
  ];
}
