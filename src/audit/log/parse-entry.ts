import { AUDIT_VERSION, type AuditEntry } from './entry.ts';

/** The entry of a line, or what is wrong with it. */
export function parseEntry(text: string): AuditEntry | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (typeof value !== 'object' || value === null) return 'is no entry of an audit log';
  const { v, at, event } = value as Record<string, unknown>;
  if (typeof v !== 'number' || typeof at !== 'number' || typeof event !== 'string') return 'is no entry of an audit log';
  if (v > AUDIT_VERSION) return `is of version ${v} of the log; this holdfast reads up to ${AUDIT_VERSION}`;
  return value as AuditEntry;
}
