import { AUDIT_VERSION, type AuditEntry } from './entry.ts';

type Kind = 'string' | 'number' | 'object';

const run = { run: 'string', tenant: 'string', scopes: 'object' } as const;
const step = { ...run, name: 'string', held: 'object' } as const;

/** What readers rely on; a line without it is not one of ours. */
const fields: { readonly [E in AuditEntry['event']]?: Readonly<Record<string, Kind>> } = {
  'run:start': run,
  'run:end': { ...run, used: 'object' },
  'run:halt': { ...run, cause: 'string', reason: 'string' },
  'step:start': { ...step, rungs: 'object' },
  'step:end': { ...step, used: 'object', overage: 'object' },
  'loop:verdict': { ...run, identity: 'string', steps: 'object', waste: 'object' },
  'ladder:climb': run,
  'log:gap': { entries: 'number' },
};

/** Moments beyond this are no dates. */
const DATE_MOST = 8.64e15;
const strange = 'is no entry of an audit log';

/** The entry of a line, or what is wrong with it. */
export function parseEntry(text: string): AuditEntry | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (typeof value !== 'object' || value === null) return strange;
  const entry = value as Readonly<Record<string, unknown>>;
  const { v, at, event } = entry;
  if (typeof v !== 'number' || typeof at !== 'number' || typeof event !== 'string') return strange;
  if (v > AUDIT_VERSION) return `is of version ${v} of the log; this holdfast reads up to ${AUDIT_VERSION}`;
  if (Math.abs(at) > DATE_MOST) return strange;
  const needed = fields[event as AuditEntry['event']];
  for (const name in needed) if (typeof entry[name] !== needed[name] || entry[name] === null) return strange;
  return value as AuditEntry;
}
