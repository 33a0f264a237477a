import type { SplitInput } from './carried-tokens.ts';
import type { Finding } from './finding.ts';
import { groups, OTHER } from './groups.ts';
import type { StepEndEntry } from '../log/entry.ts';
import { isModelStep } from './model-step.ts';
import type { PartCost } from './part-cost.ts';
import { percentText, tokensText } from './words.ts';

const CALLS_MIN = 10;
const BLOATED_SHARE = 0.5;
/** Instructions of fewer characters are not worth a second thought: about 500 tokens. */
const INSTRUCTIONS_MIN = 2_000;
/** A token of English is about four characters; used only for the share of instructions in a known input. */
const CHARACTERS_A_TOKEN = 4;
const LISTED = 20;

/** History that is sent again with every turn, and the same long instructions in every request. Costs the tokens that were sent again. */
export function historyBloat(costOf: PartCost) {
  const conversations = groups<[feature: string, model: string], ReturnType<typeof emptySum>>(emptySum);
  const texts = groups<[feature: string, model: string, instructions: string], ReturnType<typeof emptyText>>(emptyText);
  return {
    add(step: StepEndEntry, { carried, fresh, turn }: SplitInput): void {
      if (!isModelStep(step)) return;
      const feature = step.scopes['feature'] ?? '';
      const sum = conversations.of(feature, step.name);
      sum.calls += 1;
      sum.input += carried + fresh;
      sum.carried += carried;
      sum.turns = Math.max(sum.turns, turn + 1);
      if (turn > 0) {
        sum.later += 1;
        sum.growth += fresh;
      }
      // Instructions are told of by themselves, and would be counted twice as history.
      const instructions = Math.min(carried + fresh, (step.prompt?.instructionsSize ?? 0) / CHARACTERS_A_TOKEN);
      sum.nanoUsd += costOf(step, { inputTokens: Math.max(0, carried - (isLong(step) ? instructions : 0)) });
      if (!isLong(step) || step.prompt === undefined) return;
      const text = texts.of(feature, step.name, step.prompt.instructions);
      text.calls += 1;
      text.tokens = Math.round(instructions);
      if (text.calls > 1) text.nanoUsd += costOf(step, { inputTokens: instructions });
    },
    findings(): Finding[] {
      return [...conversations.entries().flatMap(historyFinding), ...dearest(texts.entries().flatMap(textFinding))];
    },
  };
}

const dearest = (found: readonly Finding[]): Finding[] => found.toSorted((a, b) => b.nanoUsd - a.nanoUsd).slice(0, LISTED);
const isLong = ({ prompt }: StepEndEntry): boolean => (prompt?.instructionsSize ?? 0) >= INSTRUCTIONS_MIN;
const emptySum = () => ({ calls: 0, later: 0, input: 0, carried: 0, growth: 0, turns: 0, nanoUsd: 0 });
const emptyText = () => ({ calls: 0, tokens: 0, nanoUsd: 0 });

function historyFinding([[feature, model], sum]: readonly [readonly [string, string], ReturnType<typeof emptySum>]): Finding[] {
  const share = sum.input === 0 ? 0 : sum.carried / sum.input;
  if (sum.calls < CALLS_MIN || share < BLOATED_SHARE) return [];
  const growth = sum.later === 0 ? 0 : sum.growth / sum.later;
  return [
    {
      pattern: 'history-bloat',
      where: { feature, model },
      what: `${percentText(share)} of all input had been sent before; each turn adds ${tokensText(growth)} tokens, and the longest conversation has ${sum.turns} turns`,
      nanoUsd: sum.nanoUsd,
      facts: {
        calls: sum.calls,
        historyShare: share,
        carriedTokens: sum.carried,
        tokensATurn: Math.round(growth),
        longestTurns: sum.turns,
      },
      remedy: 'shorten what is sent again: trimmedContext or summarizedHistory, and results of tools that are cut to what matters',
    },
  ];
}

function textFinding([[feature, model, instructions], { calls, tokens, nanoUsd }]: readonly [
  readonly [string, string, string],
  ReturnType<typeof emptyText>,
]): Finding[] {
  // What is beyond the bound is a mixture: it was not the same text.
  if (calls < CALLS_MIN || instructions === OTHER) return [];
  return [
    {
      pattern: 'history-bloat',
      where: { feature, model },
      what: `the same instructions of about ${tokensText(tokens)} tokens were sent in ${calls} calls`,
      nanoUsd,
      facts: { calls, tokens },
      remedy:
        "make what is seldom needed a fact that is retrieved, or a skill that is loaded; let the rest be read from the provider's cache",
    },
  ];
}
