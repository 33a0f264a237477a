import { usageFrom, type UsageReport } from 'holdfast';

/** Of this the guard says that it is invalid, and books what was held. */
const invalid: UsageReport = { inputTokens: Number.NaN };

/** The usage in an answer. One that cannot be (words, less than nothing) is no reason to keep the answer from its caller. */
export function reportedUsage(raw: unknown): UsageReport | undefined {
  try {
    return usageFrom(raw);
  } catch {
    return invalid;
  }
}
