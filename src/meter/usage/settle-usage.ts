import type { Usage, UsageReport } from '../../core/usage.ts';
import { checkedAmount, checkParts } from './check-usage.ts';

/** What is told where it is known, and never guessed. */
const parts = ['audioInputTokens', 'audioOutputTokens', 'longCacheWriteTokens'] as const;

/**
 * Makes a whole usage out of what was reported. What is missing is taken from `fallback` (the hold) and marked as estimated;
 * cache parts that are missing beside a known input are 0, for a provider without a cache does not name them.
 *
 * @throws {InvalidUsageError} when the report contradicts itself or an amount cannot be one.
 */
export function settleUsage(report: UsageReport, fallback: Usage): { usage: Usage; estimated: boolean } {
  for (const field in report) {
    const value = report[field as keyof UsageReport];
    if (value !== undefined) checkedAmount(field, value);
  }
  checkParts(report);
  const cachedInputTokens = report.cachedInputTokens ?? 0;
  const cacheWriteTokens = report.cacheWriteTokens ?? 0;
  const outputTokens = report.outputTokens ?? Math.max(fallback.outputTokens, report.reasoningTokens ?? 0);
  const reasoningTokens = report.reasoningTokens ?? Math.min(fallback.reasoningTokens, outputTokens);
  const inputTokens = report.inputTokens ?? Math.max(fallback.inputTokens, cachedInputTokens + cacheWriteTokens);
  const usage: { -readonly [Field in keyof Usage]: Usage[Field] } = {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
  };
  for (const part of parts) {
    const tokens = report[part];
    if (tokens !== undefined) usage[part] = tokens;
  }
  const isReasoningGuessed = report.reasoningTokens === undefined && reasoningTokens > 0;
  return { usage, estimated: report.inputTokens === undefined || report.outputTokens === undefined || isReasoningGuessed };
}
