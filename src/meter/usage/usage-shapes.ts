import type { UsageReport } from '../../core/usage.ts';
import { amountsIn, isRecord, type Amount, type Fields } from './amounts-in.ts';
import { checkParts } from './check-usage.ts';

interface UsageShape {
  /** Whether the object is of this shape: it has one of these fields, a null counting as there. */
  readonly fields: readonly string[];
  readonly read: (amount: Amount, raw: Fields) => UsageReport;
}

/** In order: the first shape that fits reads. The telling fields come first, those that several shapes share last. */
const shapes: readonly UsageShape[] = [
  // Google (Gemini and Vertex): thoughts are beside the candidates, results of tools beside the prompt, the cache inside it.
  {
    fields: ['promptTokenCount', 'candidatesTokenCount', 'totalTokenCount'],
    read(amount) {
      const thoughts = amount('thoughtsTokenCount');
      const candidates = amount('candidatesTokenCount');
      const report = {
        inputTokens: sum(amount('promptTokenCount'), amount('toolUsePromptTokenCount')),
        cachedInputTokens: amount('cachedContentTokenCount'),
        audioInputTokens: amount('promptTokensDetails.AUDIO.tokenCount'),
        outputTokens: candidates === undefined ? undefined : sum(candidates, thoughts),
        reasoningTokens: thoughts,
        audioOutputTokens: amount('candidatesTokensDetails.AUDIO.tokenCount'),
      };
      return inTotal(report, amount('totalTokenCount'));
    },
  },
  // Google's Interactions API: the same in other words.
  {
    fields: ['total_input_tokens', 'total_output_tokens'],
    read(amount) {
      const report = {
        inputTokens: sum(amount('total_input_tokens'), amount('total_tool_use_tokens')),
        cachedInputTokens: amount('total_cached_tokens'),
        outputTokens: amount('total_output_tokens'),
        reasoningTokens: amount('total_thought_tokens'),
      };
      return inTotal(report, amount('total_tokens'));
    },
  },
  // OpenAI chat completions and all that copy it: DeepSeek's, Moonshot's and LiteLLM's cache fields with them, OpenRouter's and Perplexity's cost.
  {
    fields: ['prompt_tokens', 'completion_tokens'],
    read(amount, raw) {
      const report = {
        inputTokens: amount('prompt_tokens'),
        cachedInputTokens: amount(
          'prompt_tokens_details.cached_tokens',
          'prompt_cache_hit_tokens',
          'cache_read_input_tokens',
          'cached_tokens',
        ),
        cacheWriteTokens: amount(
          'prompt_tokens_details.cache_write_tokens',
          'prompt_tokens_details.cache_creation_input_tokens',
          'cache_creation_input_tokens',
        ),
        longCacheWriteTokens: amount('prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens'),
        audioInputTokens: amount('prompt_tokens_details.audio_tokens'),
        outputTokens: amount('completion_tokens'),
        reasoningTokens: amount('completion_tokens_details.reasoning_tokens'),
        audioOutputTokens: amount('completion_tokens_details.audio_tokens'),
        usd: costIn(amount, raw),
      };
      return inTotal(report, amount('total_tokens'));
    },
  },
  // Anthropic: what was read from or written to the cache is not in `input_tokens`; thinking is in `output_tokens`.
  {
    fields: ['cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation', 'server_tool_use', 'iterations'],
    read: (amount, raw) => asideOf(raw).reduce((whole, aside) => plusAside(whole, messageUsage(amountsIn(aside))), messageUsage(amount)),
  },
  // Bedrock (Converse): as Anthropic, in other words.
  {
    fields: ['cacheReadInputTokens', 'cacheWriteInputTokens', 'cacheReadInputTokenCount', 'cacheWriteInputTokenCount'],
    read(amount) {
      const fresh = amount('inputTokens');
      const cachedInputTokens = amount('cacheReadInputTokens', 'cacheReadInputTokenCount');
      const cacheWriteTokens = amount('cacheWriteInputTokens', 'cacheWriteInputTokenCount');
      const inputTokens = fresh === undefined ? undefined : sum(fresh, cachedInputTokens, cacheWriteTokens);
      const longCacheWriteTokens = amount('cacheDetails.1h.inputTokens');
      return { inputTokens, cachedInputTokens, cacheWriteTokens, longCacheWriteTokens, outputTokens: amount('outputTokens') };
    },
  },
  // Ollama.
  {
    fields: ['prompt_eval_count', 'eval_count'],
    read: (amount) => ({ inputTokens: amount('prompt_eval_count'), outputTokens: amount('eval_count') }),
  },
  // OpenAI responses and LangChain's usage_metadata: both count the cache inside the input.
  {
    fields: ['input_tokens', 'output_tokens'],
    read(amount) {
      const report = {
        inputTokens: amount('input_tokens'),
        cachedInputTokens: amount('input_tokens_details.cached_tokens', 'input_token_details.cache_read'),
        cacheWriteTokens: amount('input_tokens_details.cache_write_tokens', 'input_token_details.cache_creation'),
        longCacheWriteTokens: amount('input_token_details.ephemeral_1h_input_tokens'),
        audioInputTokens: amount('input_tokens_details.audio_tokens', 'input_token_details.audio'),
        outputTokens: amount('output_tokens'),
        reasoningTokens: amount('output_tokens_details.reasoning_tokens', 'output_token_details.reasoning'),
        audioOutputTokens: amount('output_tokens_details.audio_tokens', 'output_token_details.audio'),
      };
      return inTotal(report, amount('total_tokens'));
    },
  },
  // The AI SDK in its later forms (details beside the sums, or sums in objects), and this package's own report.
  {
    fields: ['inputTokens', 'outputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'reasoningTokens', 'usd'],
    read(amount) {
      const report = {
        inputTokens: amount('inputTokens.total', 'inputTokens'),
        cachedInputTokens: amount('inputTokens.cacheRead', 'inputTokenDetails.cacheReadTokens', 'cachedInputTokens'),
        cacheWriteTokens: amount('inputTokens.cacheWrite', 'inputTokenDetails.cacheWriteTokens', 'cacheWriteTokens'),
        longCacheWriteTokens: amount('longCacheWriteTokens'),
        audioInputTokens: amount('audioInputTokens'),
        outputTokens: amount('outputTokens.total', 'outputTokens'),
        reasoningTokens: amount('outputTokens.reasoning', 'outputTokenDetails.reasoningTokens', 'reasoningTokens'),
        audioOutputTokens: amount('audioOutputTokens'),
        usd: amount('usd'),
      };
      return inTotal(report, amount('totalTokens'));
    },
  },
  // LangChain's older `tokenUsage` and the AI SDK's first form.
  {
    fields: ['promptTokens', 'completionTokens'],
    read: (amount) => inTotal({ inputTokens: amount('promptTokens'), outputTokens: amount('completionTokens') }, amount('totalTokens')),
  },
];

/** Anthropic's usage of one message. */
function messageUsage(amount: Amount): UsageReport {
  const fresh = amount('input_tokens');
  const cachedInputTokens = amount('cache_read_input_tokens');
  const longCacheWriteTokens = amount('cache_creation.ephemeral_1h_input_tokens');
  const cacheWriteTokens =
    amount('cache_creation_input_tokens') ?? sum(amount('cache_creation.ephemeral_5m_input_tokens'), longCacheWriteTokens);
  const inputTokens = fresh === undefined ? undefined : sum(fresh, cachedInputTokens, cacheWriteTokens);
  return { inputTokens, cachedInputTokens, cacheWriteTokens, longCacheWriteTokens, outputTokens: amount('output_tokens') };
}

/** What Anthropic bills beside a message and leaves out of its sums: summaries of a long history, advice of another model. */
function asideOf({ iterations }: Fields): Fields[] {
  return Array.isArray(iterations) ? iterations.filter((each) => isRecord(each) && each['type'] !== 'message') : [];
}

/** A usage with one that is not in its sums. What is unknown of the whole stays so. */
const plusAside = (whole: UsageReport, aside: UsageReport): UsageReport => ({
  inputTokens: whole.inputTokens === undefined ? undefined : sum(whole.inputTokens, aside.inputTokens),
  cachedInputTokens: sum(whole.cachedInputTokens, aside.cachedInputTokens),
  cacheWriteTokens: sum(whole.cacheWriteTokens, aside.cacheWriteTokens),
  longCacheWriteTokens: sum(whole.longCacheWriteTokens, aside.longCacheWriteTokens),
  outputTokens: whole.outputTokens === undefined ? undefined : sum(whole.outputTokens, aside.outputTokens),
});

/** The cost that a provider names. Where the caller's own key pays the provider, OpenRouter names its fee and the rest apart. */
function costIn(amount: Amount, { is_byok: isOwnKey }: Fields): number | undefined {
  const cost = amount('cost.total_cost', 'cost');
  if (isOwnKey !== true) return cost;
  const upstream = amount('cost_details.upstream_inference_cost');
  return upstream === undefined ? undefined : sum(cost, upstream);
}

/** The amounts that are there added up; undefined where none is. */
function sum(...amounts: readonly (number | undefined)[]): number | undefined {
  const known = amounts.filter((amount) => amount !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
}

/**
 * A usage as its total has it. What the total holds beyond input and output is the cache where it is just that much (Bedrock behind
 * hosts counts it beside the input), else output: xAI reports reasoning beside it, gateways before Google's models only in the total.
 */
function inTotal(report: UsageReport, total: number | undefined): UsageReport {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens } = report;
  if (total === undefined || inputTokens === undefined) return report;
  const beyond = total - inputTokens - (outputTokens ?? 0);
  if (beyond < 0 || (beyond === 0 && outputTokens !== undefined)) return report;
  const isCache = outputTokens !== undefined && beyond === cachedInputTokens + cacheWriteTokens && beyond !== reasoningTokens;
  return isCache ? { ...report, inputTokens: inputTokens + beyond } : { ...report, outputTokens: (outputTokens ?? 0) + beyond };
}

/** Where responses, chunks and messages carry their usage. */
const wrappers = [
  'usage',
  'usage_metadata',
  'usageMetadata',
  'tokenUsage',
  'token_usage',
  'message',
  'response',
  'llmOutput',
  'response_metadata',
  'billed_units',
  'billedUnits',
];

/**
 * Reads the usage that a provider or a host reports, in any of their shapes, bare or inside its response: OpenAI (completions and
 * responses), Anthropic, Google, Bedrock, Cohere, Ollama, LangChain, the AI SDK, and this package's own. An absent field stays absent and
 * an explicit 0 stays 0; undefined means that nothing is reported at all.
 *
 * @example
 * usageFrom({ input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 5 });
 * // { inputTokens: 120, cachedInputTokens: 100, outputTokens: 5 }
 *
 * @throws {InvalidUsageError} for an amount that is no whole number of 0 or more, and for a part larger than its whole.
 */
export function usageFrom(raw: unknown): UsageReport | undefined {
  return readUsage(raw, 3);
}

function readUsage(raw: unknown, depth: number): UsageReport | undefined {
  if (!isRecord(raw)) return undefined;
  const shape = shapeOf(raw);
  if (shape !== undefined) {
    const report = withoutAbsent(shape.read(amountsIn(raw), raw));
    if (Object.keys(report).length > 0) {
      checkParts(report);
      return report;
    }
  }
  if (depth === 0) return undefined;
  for (const wrapper of wrappers) {
    const found = readUsage(raw[wrapper], depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The place of the shape that a field tells of. */
const placeOf = new Map(shapes.flatMap(({ fields }, place) => fields.map((field) => [field, place] as const)));

/** The first shape that fits. The fields of the object are looked up, for it has far fewer than there are. */
function shapeOf(raw: Fields): UsageShape | undefined {
  let first = shapes.length;
  for (const field in raw) {
    const place = placeOf.get(field);
    if (place !== undefined && place < first && raw[field] !== undefined) first = place;
  }
  // Accessors of a class are not among its fields.
  return shapes[first] ?? shapes.find(({ fields }) => fields.some((field) => raw[field] !== undefined));
}

function withoutAbsent(report: UsageReport): UsageReport {
  const present: { -readonly [Field in keyof UsageReport]: UsageReport[Field] } = {};
  for (const field in report) {
    const amount = report[field as keyof UsageReport];
    if (amount !== undefined) present[field as keyof UsageReport] = amount;
  }
  return present;
}
