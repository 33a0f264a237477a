import type { ReasoningSettings } from 'holdfast';
import { fieldsOf, type CallParams } from './host.ts';

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;
const isEffort = (effort: unknown): effort is (typeof efforts)[number] => (efforts as readonly unknown[]).includes(effort);

type Options = CallParams['providerOptions'];

/** Under which name a provider takes its options, by the first part of its id; others are named as they are. */
const optionNames: Readonly<Record<string, string>> = {
  azure: 'openai',
  'amazon-bedrock': 'bedrock',
  vertex: 'google',
};

/** The part of a provider's id before the API: `openai` of `openai.responses`. */
export const providerPart = (provider: string): string => provider.split('.')[0] ?? provider;

/** How much thinking is asked for, in whichever provider's words. */
export function reasoningIn({ providerOptions, ...params }: CallParams): ReasoningSettings | undefined {
  const own: unknown = (params as { reasoning?: unknown }).reasoning;
  const said = Object.values(providerOptions ?? {}).map(fieldsOf);
  const effort = [
    own,
    ...said.flatMap((each) => [each['reasoningEffort'], each['effort'], fieldsOf(each['reasoningConfig'])['maxReasoningEffort']]),
  ];
  const known = effort.find(isEffort);
  const budget = said
    .flatMap((each) => [
      fieldsOf(each['thinking'])['budgetTokens'],
      fieldsOf(each['thinkingConfig'])['thinkingBudget'],
      fieldsOf(each['reasoningConfig'])['budgetTokens'],
    ])
    .find((value): value is number => typeof value === 'number' && value >= 0);
  if (known === undefined && budget === undefined) return undefined;
  return { ...(known === undefined ? {} : { effort: known }), ...(budget === undefined ? {} : { maxTokens: budget }) };
}

/** The call with less thinking: said where and how it was said before, else in the words of the provider. */
export function withLessThinking(params: CallParams, provider: string, reasoning: ReasoningSettings): CallParams {
  // Version 7 of the SDK has a word of its own for it.
  const said: unknown = (params as { reasoning?: unknown }).reasoning;
  if (isEffort(said) && reasoning.effort !== undefined) return Object.assign({}, params, { reasoning: reasoning.effort });
  return { ...params, providerOptions: withReasoning(params.providerOptions, provider, reasoning) ?? {} };
}

function withReasoning(options: Options, provider: string, { effort, maxTokens }: ReasoningSettings): Options {
  const changed: Record<string, Record<string, unknown>> = {};
  for (const [name, said] of Object.entries(options ?? {})) {
    const next: Record<string, unknown> = { ...said };
    for (const field of ['reasoningEffort', 'effort']) if (effort !== undefined && isEffort(next[field])) next[field] = effort;
    for (const [field, budget] of budgetFields) {
      const holder = fieldsOf(next[field]);
      if (maxTokens !== undefined && typeof holder[budget] === 'number') next[field] = { ...holder, [budget]: maxTokens };
    }
    changed[name] = next;
  }
  const wasSaid = reasoningIn({ prompt: [], providerOptions: options } as CallParams) !== undefined;
  if (!wasSaid && effort !== undefined) {
    const part = providerPart(provider);
    const name = optionNames[part] ?? part;
    changed[name] = { ...changed[name], [name === 'anthropic' ? 'effort' : 'reasoningEffort']: effort };
  }
  return changed as Options;
}

const budgetFields = [
  ['thinking', 'budgetTokens'],
  ['thinkingConfig', 'thinkingBudget'],
  ['reasoningConfig', 'budgetTokens'],
] as const;
