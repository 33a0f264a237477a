import type { Guard, RunReport } from 'holdfast';
import type { OpenAIServer } from 'holdfast/testing';

/** The reports of the guard's runs as they end. */
export function endedRuns(guard: Guard<string, unknown>): RunReport[] {
  const reports: RunReport[] = [];
  guard.on('run:end', ({ report }) => void reports.push(report));
  return reports;
}

/** Sums what a server counted. */
export const served = ({ requests }: Pick<OpenAIServer, 'requests'>): { inputTokens: number; outputTokens: number } => ({
  inputTokens: requests.reduce((sum, { usage }) => sum + (usage?.inputTokens ?? 0), 0),
  outputTokens: requests.reduce((sum, { usage }) => sum + (usage?.outputTokens ?? 0), 0),
});
