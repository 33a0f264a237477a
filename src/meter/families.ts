import { perModel } from './per-model.ts';

/** The vocabularies that are counted exactly. */
export type Encoding = 'o200k_base' | 'cl100k_base';

/** What is known of a family of models: how its tokens relate to those that can be counted here. */
export interface ModelFamily {
  readonly name: string;
  /** The vocabulary that counts for it. */
  readonly encoding: Encoding;
  /** Its tokens for one token of `encoding`, on the safe side. */
  readonly factor: number;
  /** Its tokens for one token of `encoding`, as measured on prose and code. */
  readonly likelyFactor: number;
  /** How far the real count may lie above `likelyFactor`, as a fraction, on ordinary text. */
  readonly error: number;
  /** Whether `encoding` is the family's own vocabulary, so that a count of plain text is exact. */
  readonly isOwn: boolean;
}

interface FamilyRule {
  readonly family: ModelFamily;
  readonly matches: RegExp;
}

const family = (name: string, encoding: Encoding, factor: number, likelyFactor: number, error: number): ModelFamily =>
  Object.freeze({ name, encoding, factor, likelyFactor, error, isOwn: factor === 1 });

const unknown = family('unknown', 'o200k_base', 1.5, 1.2, 0.5);

/**
 * In order; the first that fits decides. Factors are tokens for one o200k_base token, measured with the real vocabularies
 * where they are public (Llama 3: 0.97 to 1.05 on English and code; Mistral 32k: 1.13 to 1.39; Claude 2: 1.01 to 1.37), else
 * from what the providers publish: Anthropic says that Claude Opus 4.7 and later and Claude 5 make up to 1.35 times the tokens
 * of their forerunners, which themselves make about 1.1 times those of Claude 2. Gemini makes 1.08 to 1.11.
 */
const rules: readonly FamilyRule[] = [
  {
    matches: /gpt-4o|gpt-4\.[15]|gpt-[5-9]|gpt-oss|chatgpt|(^|[/.:-])o[1-9](-|$|:)|codex/,
    family: family('openai', 'o200k_base', 1, 1, 0),
  },
  { matches: /gpt-4|gpt-3\.?5|text-embedding-(3|ada-002)/, family: family('openai-cl100k', 'cl100k_base', 1, 1, 0) },
  {
    matches: /claude-(opus|sonnet|haiku|fable|mythos)-(4-[7-9]|4\.[7-9]|[5-9])|claude-([5-9])/,
    family: family('claude-4.7', 'o200k_base', 1.75, 1.45, 0.25),
  },
  { matches: /claude/, family: family('claude', 'o200k_base', 1.35, 1.2, 0.2) },
  { matches: /gemini|gemma/, family: family('gemini', 'o200k_base', 1.12, 1.1, 0.1) },
  { matches: /llama-?[34]|llama3|llama4/, family: family('llama-3', 'o200k_base', 1.05, 1.01, 0.06) },
  { matches: /mi[sx]tral|codestral|devstral|ministral|magistral|pixtral/, family: family('mistral', 'o200k_base', 1.4, 1.2, 0.2) },
  { matches: /deepseek/, family: family('deepseek', 'o200k_base', 1.15, 1.05, 0.12) },
  { matches: /qwen|qwq/, family: family('qwen', 'o200k_base', 1.2, 1.08, 0.15) },
];

/** The family of a model, by its name in whatever form a host writes it (`openai/gpt-4o`, `us.anthropic.claude-…`, `ft:gpt-4o:…`). */
export const familyOf: (model: string) => ModelFamily = perModel((model) => {
  const name = model.toLowerCase();
  return rules.find(({ matches }) => matches.test(name))?.family ?? unknown;
});

const thinking =
  /(^|[/.:-])o[1-9](-|$|:)|gpt-[5-9](?!.*-chat)|gpt-oss|codex|reasoner|[-/]r1(-|$|:)|qwq|thinking|magistral|gemini-(2\.5|[3-9])|grok-[4-9]/;

/** Whether a model thinks before it answers unless it is told not to, so that its output needs more room. */
export const thinksByDefault: (model: string) => boolean = perModel((model) => thinking.test(model.toLowerCase()));
