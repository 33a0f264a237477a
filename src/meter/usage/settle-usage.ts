import type { Usage, UsageReport } from '../../core/usage.ts';
import { InvalidUsageError } from './invalid-usage-error.ts';

const amountNames = [
  'inputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'longCacheWriteTokens',
] as const satisfies readonly (keyof Usage)[];

/**
 * Makes a whole usage out of what was reported. What is missing is taken from `fallback` (the hold) and marked as estimated;
 * cache parts that are missing beside a known input are 0, for a provider without a cache does not name them.
 *
 * @throws {InvalidUsageError} when the report contradicts itself.
 */
export function settleUsage(report: UsageReport, fallback: Usage): { usage: Usage; estimated: boolean } {
  checkAmounts(report);
  const isInputKnown = report.inputTokens !== undefined;
  const isOutputKnown = report.outputTokens !== undefined;
  const cachedInputTokens = report.cachedInputTokens ?? 0;
  const cacheWriteTokens = report.cacheWriteTokens ?? 0;
  const inputTokens = report.inputTokens ?? Math.max(fallback.inputTokens, cachedInputTokens + cacheWriteTokens);
  const outputTokens = report.outputTokens ?? Math.max(fallback.outputTokens, report.reasoningTokens ?? 0);
  const reasoningTokens = report.reasoningTokens ?? Math.min(fallback.reasoningTokens, outputTokens);
  const usage: Usage = {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
    ...optionalParts(report),
  };
  checkParts(usage);
  const isReasoningGuessed = report.reasoningTokens === undefined && reasoningTokens > 0;
  return { usage, estimated: !isInputKnown || !isOutputKnown || isReasoningGuessed };
}

function optionalParts(report: UsageReport): Partial<Usage> {
  const { audioInputTokens, audioOutputTokens, longCacheWriteTokens } = report;
  return {
    ...(audioInputTokens === undefined ? {} : { audioInputTokens }),
    ...(audioOutputTokens === undefined ? {} : { audioOutputTokens }),
    ...(longCacheWriteTokens === undefined ? {} : { longCacheWriteTokens }),
  };
}

function checkAmounts(report: UsageReport): void {
  for (const name of amountNames) {
    const amount: unknown = report[name];
    if (amount === undefined) continue;
    if (typeof amount !== 'number')
      throw new InvalidUsageError(`${name} is not a number but a ${typeof amount}`, { field: name, type: typeof amount });
    if (!Number.isSafeInteger(amount) || amount < 0)
      throw new InvalidUsageError(`${name} must be a whole number of 0 or more, got ${amount}`, { field: name, amount });
  }
  const usd: unknown = report.usd;
  if (usd !== undefined && !(typeof usd === 'number' && Number.isFinite(usd) && usd >= 0)) {
    throw new InvalidUsageError('usd must be a finite number of 0 or more', {
      field: 'usd',
      type: typeof usd,
      ...(typeof usd === 'number' ? { amount: usd } : {}),
    });
  }
}

function checkParts(usage: Usage): void {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  if (cachedInputTokens + cacheWriteTokens > inputTokens) {
    throw new InvalidUsageError('cached input and cache writes are larger than the input that they are parts of', {
      inputTokens,
      cachedInputTokens,
      cacheWriteTokens,
    });
  }
  if (reasoningTokens > outputTokens) {
    throw new InvalidUsageError('reasoning is larger than the output that it is a part of', { outputTokens, reasoningTokens });
  }
}
