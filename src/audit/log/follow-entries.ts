import type { Events } from '../../runtime/events.ts';
import { auditEntries } from './entries.ts';
import type { AuditedEvent, AuditEntry } from './entry.ts';
import type { IdWriter } from './ids.ts';

/** The part of a guard that listeners need. */
export type EventSource = Pick<Events, 'on'>;

export interface FollowOptions {
  /** Writes ids in another form; `hmac(key)` hashes them. Default: as they are. */
  readonly ids?: IdWriter | undefined;
  /** Which events are told. Default: all. */
  readonly events?: readonly AuditedEvent[] | undefined;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * Tells what a guard does as the entries that an audit log has: for logs and pages of one's own. Returns the way out.
 *
 * @example const stop = followEntries(guard, (entry) => entry.event === 'run:halt' && pager.ring(entry.reason));
 */
export function followEntries(guard: EventSource, listener: (entry: AuditEntry) => void, options: FollowOptions = {}): () => void {
  const entries = auditEntries(options.ids, options.now ?? Date.now);
  const names = options.events ?? (Object.keys(entries) as AuditedEvent[]);
  const offs = names.map((name) => guard.on(name, (event) => listener(entries[name](event as never))));
  return () => {
    for (const off of offs) off();
  };
}
