import { reportedUsage, type UsageReport } from 'holdfast';

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

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
  const figures = reportedUsage(fieldsOf(response)['usage']);
  const told = reportedUsage(metadata);
  if (told?.inputTokens === undefined && told?.outputTokens === undefined)
    return figures ?? reportedUsage(fieldsOf(llmOutput)['tokenUsage']);
  if (told.inputTokens === 0 && told.outputTokens === 0 && isUnsaid(fieldsOf(response), fieldsOf(metadata))) return undefined;
  // What it cost is among the provider's own figures alone, where a provider says it.
  return figures?.usd === undefined ? told : { ...told, usd: figures.usd };
}

/** A Responses API that said nothing of usage: LangChain fills in zeros, but has no details and no figures of the provider's. */
function isUnsaid(response: Fields, metadata: Fields): boolean {
  const details = metadata['input_token_details'];
  const hasNoDetails = typeof details === 'object' && Object.keys(fieldsOf(details)).length === 0;
  const hasNoFigures = (response['usage'] ?? response['estimatedTokenUsage'] ?? undefined) === undefined;
  return response['object'] === 'response' && hasNoDetails && hasNoFigures;
}
