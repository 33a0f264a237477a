import type { UsageReport } from '../../core/usage.ts';
import { usageFrom } from './usage-shapes.ts';

/** Of this the guard says that it is invalid, and books what was held. */
const invalid: UsageReport = Object.freeze({ inputTokens: Number.NaN });

/**
 * `usageFrom` for doors: one that cannot be (words, less than nothing) is no reason to keep the answer from its caller. Given to a step it
 * becomes a `usage:invalid` event, and the hold is booked.
 *
 * @example await step.end(result, reportedUsage(response.usage));
 */
export function reportedUsage(raw: unknown): UsageReport | undefined {
  try {
    return usageFrom(raw);
  } catch {
    return invalid;
  }
}
