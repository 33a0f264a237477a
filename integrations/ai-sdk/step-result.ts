import { reportedUsage, type StepResult, type ToolCallView, type UsageReport } from 'holdfast';
import { fieldsOf, type Content, type GenerateResult } from './host.ts';

/** A model's answer as detectors and reports want it. */
export function modelResult(content: readonly Content[], model: string | undefined): StepResult {
  const textOf = (type: 'text' | 'reasoning'): string => content.flatMap((part) => (part.type === type ? [part.text] : [])).join('');
  const toolCalls = clientCalls(content);
  const thinking = textOf('reasoning');
  return {
    output: content,
    text: textOf('text'),
    ...(thinking === '' ? {} : { thinking }),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(model === undefined ? {} : { model }),
  };
}

/** The calls of tools that are to be run here; what the provider ran itself is over. */
export const clientCalls = (content: readonly Content[]): ToolCallView[] =>
  content.flatMap((part) =>
    part.type === 'tool-call' && part.providerExecuted !== true
      ? [{ name: part.toolName, args: parsed(part.input), id: part.toolCallId }]
      : [],
  );

function parsed(input: string): unknown {
  try {
    return JSON.parse(input) as unknown;
  } catch {
    return input;
  }
}

/**
 * What a response says that it used; undefined where it says nothing. Some providers' packages fill in
 * zeros for what was not said: then the provider's own figures are not there either.
 */
export function usageReport(usage: GenerateResult['usage'] | undefined): UsageReport | undefined {
  if (usage?.raw === undefined && !usage?.inputTokens.total && !usage?.outputTokens.total) return undefined;
  const report = reportedUsage(usage);
  const long = fieldsOf(fieldsOf(usage?.raw)['cache_creation'])['ephemeral_1h_input_tokens'];
  // Kept for an hour it costs more; the SDK's own sums do not tell.
  return report && typeof long === 'number' && long <= (report.cacheWriteTokens ?? 0) ? { ...report, longCacheWriteTokens: long } : report;
}
