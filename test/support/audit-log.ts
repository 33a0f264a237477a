import { readAuditLog, type AuditEntry } from 'holdfast';

/** What is in a log, and what is wrong with its lines. */
export async function allOf(file: string): Promise<{ entries: AuditEntry[]; problems: string[] }> {
  const entries: AuditEntry[] = [];
  const problems: string[] = [];
  for await (const entry of readAuditLog(file, { onProblem: ({ line, problem }) => problems.push(`${line}: ${problem}`) }))
    entries.push(entry);
  return { entries, problems };
}
