import type { UsageReport } from 'holdfast';

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const amount = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

/** What a response of LangChain says that it used. */
export interface ReportedBy {
  /** The answer's message: `AIMessage` or its chunk. */
  readonly message?: unknown;
  /** `LLMResult.llmOutput`, where only a callback sees it. */
  readonly llmOutput?: unknown;
}

/**
 * The usage of a response; undefined where nothing is said. The numbers are copied: LangChain's cache later sets the same
 * object to zero.
 *
 * LangChain's own `usage_metadata` is believed first, for it means the same with every provider. It hides two things:
 * an explicit zero of the Chat Completions API is left out of it, so the provider's own figures are looked at; and a
 * Responses API without usage becomes a zero in it, which is not one.
 */
export function usageReport({ message, llmOutput }: ReportedBy): UsageReport | undefined {
  const { usage_metadata: metadata, response_metadata: response } = fieldsOf(message);
  const told = fromMetadata(fieldsOf(metadata));
  if (told) return told.inputTokens === 0 && told.outputTokens === 0 && isUnsaid(fieldsOf(response), fieldsOf(metadata)) ? undefined : told;
  return fromProvider(fieldsOf(fieldsOf(response)['usage'])) ?? fromTotals(fieldsOf(fieldsOf(llmOutput)['tokenUsage']));
}

function fromMetadata(metadata: Fields): UsageReport | undefined {
  const inputTokens = amount(metadata['input_tokens']);
  const outputTokens = amount(metadata['output_tokens']);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const input = fieldsOf(metadata['input_token_details']);
  const output = fieldsOf(metadata['output_token_details']);
  return known({
    inputTokens,
    outputTokens,
    cachedInputTokens: amount(input['cache_read']),
    cacheWriteTokens: amount(input['cache_creation']),
    longCacheWriteTokens: amount(input['ephemeral_1h_input_tokens']),
    audioInputTokens: amount(input['audio']),
    reasoningTokens: amount(output['reasoning']),
    audioOutputTokens: amount(output['audio']),
  });
}

/** OpenAI's own figures, which LangChain passes on untouched. */
function fromProvider(usage: Fields): UsageReport | undefined {
  const inputTokens = amount(usage['prompt_tokens']);
  const outputTokens = amount(usage['completion_tokens']);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  return known({
    inputTokens,
    outputTokens,
    cachedInputTokens: amount(fieldsOf(usage['prompt_tokens_details'])['cached_tokens']),
    reasoningTokens: amount(fieldsOf(usage['completion_tokens_details'])['reasoning_tokens']),
  });
}

function fromTotals(usage: Fields): UsageReport | undefined {
  const inputTokens = amount(usage['promptTokens']);
  const outputTokens = amount(usage['completionTokens']);
  return inputTokens === undefined && outputTokens === undefined ? undefined : known({ inputTokens, outputTokens });
}

/** A Responses API that said nothing of usage: LangChain fills in zeros, but has no details and no figures of the provider's. */
function isUnsaid(response: Fields, metadata: Fields): boolean {
  const details = metadata['input_token_details'];
  const hasNoDetails = typeof details === 'object' && Object.keys(fieldsOf(details)).length === 0;
  const hasNoFigures = (response['usage'] ?? response['estimatedTokenUsage'] ?? undefined) === undefined;
  return response['object'] === 'response' && hasNoDetails && hasNoFigures;
}

const known = (report: UsageReport): UsageReport =>
  Object.fromEntries(Object.entries(report).filter(([, value]) => value !== undefined)) as UsageReport;
