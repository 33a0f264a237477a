import type { UsageReport } from '../../core/usage.ts';
import { InvalidUsageError } from './invalid-usage-error.ts';

const moneyFields = new Set(['usd', 'cost', 'cost.total_cost', 'cost_details.upstream_inference_cost']);

/**
 * An amount as it was reported, if it can be one: tokens are whole numbers of 0 or more, money is finite and 0 or more.
 *
 * @throws {InvalidUsageError}
 */
export function checkedAmount(field: string, value: unknown): number {
  // Nearly all are counts, and those are amounts of anything.
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  if (typeof value !== 'number') {
    throw new InvalidUsageError(`${field} is not a number but a ${typeof value}`, { field, type: typeof value });
  }
  const isPossible = moneyFields.has(field) ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!isPossible || value < 0) {
    const wanted = moneyFields.has(field) ? 'a finite number' : 'a whole number';
    throw new InvalidUsageError(`${field} must be ${wanted} of 0 or more, got ${value}`, { field, amount: value });
  }
  return value;
}

/**
 * Refuses a usage in which a part is larger than its whole. Only what is known is compared.
 *
 * @throws {InvalidUsageError}
 */
export function checkParts(report: UsageReport): void {
  const { inputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, outputTokens, reasoningTokens = 0 } = report;
  if (inputTokens !== undefined && cachedInputTokens + cacheWriteTokens > inputTokens) {
    const facts = { inputTokens, cachedInputTokens, cacheWriteTokens };
    throw new InvalidUsageError(
      `cached input and cache writes (${cachedInputTokens} + ${cacheWriteTokens}) are more than the input of ${inputTokens}`,
      facts,
    );
  }
  if (outputTokens !== undefined && reasoningTokens > outputTokens) {
    throw new InvalidUsageError(`reasoning (${reasoningTokens}) is more than the output of ${outputTokens}`, {
      outputTokens,
      reasoningTokens,
    });
  }
}
