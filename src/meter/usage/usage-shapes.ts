import type { UsageReport } from '../../core/usage.ts';
import { checkedAmount, checkParts } from './check-usage.ts';

/** Reads one amount: the first of the paths that is there. Undefined and null are absent; anything but a number is refused. */
type Amount = (...paths: readonly string[]) => number | undefined;

interface UsageShape {
  /** Whether the object is of this shape: it has one of these fields, a null counting as there. */
  readonly fields: readonly string[];
  readonly read: (amount: Amount) => UsageReport;
}

/** The amounts that are there added up; undefined where none is. */
function sum(...amounts: readonly (number | undefined)[]): number | undefined {
  const known = amounts.filter((amount) => amount !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
}

/**
 * Some providers (xAI) report reasoning beside the output: the total then only fits with it added.
 * Where the output is missing, it is what the total leaves.
 */
function outputOf(input: number | undefined, output: number | undefined, reasoning = 0, total?: number): number | undefined {
  if (total === undefined || input === undefined) return output;
  if (output === undefined) return total >= input ? total - input : undefined;
  return reasoning > 0 && total === input + output + reasoning ? output + reasoning : output;
}

/** In order: the first shape that fits reads. The telling fields come first, those that several shapes share last. */
const shapes: readonly UsageShape[] = [
  // Google (Gemini and Vertex): thoughts are beside the candidates, results of tools beside the prompt, the cache inside it.
  {
    fields: ['promptTokenCount', 'candidatesTokenCount', 'totalTokenCount'],
    read(amount) {
      const inputTokens = sum(amount('promptTokenCount'), amount('toolUsePromptTokenCount'));
      const thoughts = amount('thoughtsTokenCount');
      const candidates = amount('candidatesTokenCount');
      const outputTokens =
        candidates === undefined ? outputOf(inputTokens, undefined, 0, amount('totalTokenCount')) : sum(candidates, thoughts);
      return {
        inputTokens,
        cachedInputTokens: amount('cachedContentTokenCount'),
        audioInputTokens: amount('promptTokensDetails.AUDIO.tokenCount'),
        outputTokens,
        reasoningTokens: thoughts,
        audioOutputTokens: amount('candidatesTokensDetails.AUDIO.tokenCount'),
      };
    },
  },
  // Anthropic: what was read from or written to the cache is not in `input_tokens`; thinking is in `output_tokens`.
  {
    fields: ['cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation', 'server_tool_use'],
    read(amount) {
      const fresh = amount('input_tokens');
      const cachedInputTokens = amount('cache_read_input_tokens');
      const longCacheWriteTokens = amount('cache_creation.ephemeral_1h_input_tokens');
      const cacheWriteTokens =
        amount('cache_creation_input_tokens') ?? sum(amount('cache_creation.ephemeral_5m_input_tokens'), longCacheWriteTokens);
      const inputTokens = fresh === undefined ? undefined : sum(fresh, cachedInputTokens, cacheWriteTokens);
      return { inputTokens, cachedInputTokens, cacheWriteTokens, longCacheWriteTokens, outputTokens: amount('output_tokens') };
    },
  },
  // Bedrock (Converse): as Anthropic, in other words.
  {
    fields: ['cacheReadInputTokens', 'cacheWriteInputTokens', 'cacheReadInputTokenCount', 'cacheWriteInputTokenCount'],
    read(amount) {
      const fresh = amount('inputTokens');
      const cachedInputTokens = amount('cacheReadInputTokens', 'cacheReadInputTokenCount');
      const cacheWriteTokens = amount('cacheWriteInputTokens', 'cacheWriteInputTokenCount');
      const inputTokens = fresh === undefined ? undefined : sum(fresh, cachedInputTokens, cacheWriteTokens);
      return { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens: amount('outputTokens') };
    },
  },
  // OpenAI chat completions and all that copy it, DeepSeek's cache fields and OpenRouter's cost with them.
  {
    fields: ['prompt_tokens', 'completion_tokens'],
    read(amount) {
      const inputTokens = amount('prompt_tokens');
      const reasoningTokens = amount('completion_tokens_details.reasoning_tokens');
      return {
        inputTokens,
        cachedInputTokens: amount('prompt_tokens_details.cached_tokens', 'prompt_cache_hit_tokens'),
        cacheWriteTokens: amount('prompt_tokens_details.cache_write_tokens'),
        audioInputTokens: amount('prompt_tokens_details.audio_tokens'),
        outputTokens: outputOf(inputTokens, amount('completion_tokens'), reasoningTokens, amount('total_tokens')),
        reasoningTokens,
        audioOutputTokens: amount('completion_tokens_details.audio_tokens'),
        usd: amount('cost'),
      };
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
      const inputTokens = amount('input_tokens');
      const reasoningTokens = amount('output_tokens_details.reasoning_tokens', 'output_token_details.reasoning');
      return {
        inputTokens,
        cachedInputTokens: amount('input_tokens_details.cached_tokens', 'input_token_details.cache_read'),
        cacheWriteTokens: amount('input_tokens_details.cache_write_tokens', 'input_token_details.cache_creation'),
        longCacheWriteTokens: amount('input_token_details.ephemeral_1h_input_tokens'),
        audioInputTokens: amount('input_tokens_details.audio_tokens', 'input_token_details.audio'),
        outputTokens: outputOf(inputTokens, amount('output_tokens'), reasoningTokens, amount('total_tokens')),
        reasoningTokens,
        audioOutputTokens: amount('output_tokens_details.audio_tokens', 'output_token_details.audio'),
      };
    },
  },
  // The AI SDK in its later forms (details beside the sums, or sums in objects), and this package's own report.
  {
    fields: ['inputTokens', 'outputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'reasoningTokens', 'usd'],
    read(amount) {
      const inputTokens = amount('inputTokens.total', 'inputTokens');
      return {
        inputTokens,
        cachedInputTokens: amount('inputTokens.cacheRead', 'inputTokenDetails.cacheReadTokens', 'cachedInputTokens'),
        cacheWriteTokens: amount('inputTokens.cacheWrite', 'inputTokenDetails.cacheWriteTokens', 'cacheWriteTokens'),
        longCacheWriteTokens: amount('longCacheWriteTokens'),
        audioInputTokens: amount('audioInputTokens'),
        outputTokens: outputOf(inputTokens, amount('outputTokens.total', 'outputTokens'), 0, amount('totalTokens')),
        reasoningTokens: amount('outputTokens.reasoning', 'outputTokenDetails.reasoningTokens', 'reasoningTokens'),
        audioOutputTokens: amount('audioOutputTokens'),
        usd: amount('usd'),
      };
    },
  },
  // LangChain's older `tokenUsage` and the AI SDK's first form.
  {
    fields: ['promptTokens', 'completionTokens'],
    read(amount) {
      const inputTokens = amount('promptTokens');
      return { inputTokens, outputTokens: outputOf(inputTokens, amount('completionTokens'), 0, amount('totalTokens')) };
    },
  },
];

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
];

/**
 * Reads the usage that a provider or a host reports, in any of their shapes, bare or inside its response: OpenAI (completions and
 * responses), Anthropic, Google, Bedrock, Ollama, LangChain, the AI SDK, and this package's own. An absent field stays absent and
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
  const shape = shapes.find(({ fields }) => fields.some((field) => raw[field] !== undefined));
  if (shape !== undefined) {
    const report = withoutAbsent(shape.read(amountsIn(raw)));
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

/** Hosts that fill in NaN for what was not reported (the AI SDK's first form) use these names. */
const maybeNaN = new Set(['promptTokens', 'completionTokens', 'totalTokens']);

function amountsIn(raw: Readonly<Record<string, unknown>>): Amount {
  return (...paths) => {
    for (const path of paths) {
      const value = path.split('.').reduce<unknown>(valueAt, raw);
      if (value === undefined || value === null || (isRecord(value) && paths.length > 1)) continue;
      if (Number.isNaN(value) && maybeNaN.has(path)) continue;
      return checkedAmount(path, value);
    }
    return undefined;
  };
}

/** A field of a record, or of the item of a list that has this name as its modality, as Google lists them. */
function valueAt(inner: unknown, key: string): unknown {
  if (Array.isArray(inner)) return inner.find((item: unknown) => isRecord(item) && item['modality'] === key);
  return isRecord(inner) ? inner[key] : undefined;
}

const withoutAbsent = (report: UsageReport): UsageReport =>
  Object.fromEntries(Object.entries(report).filter(([, amount]) => amount !== undefined));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
