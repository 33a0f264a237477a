import type { Events } from '../../runtime/events.ts';
import { auditEntries } from './entries.ts';
import type { AuditedEvent, AuditEntry } from './entry.ts';
import type { IdWriter } from './ids.ts';

/** The part of a guard that listeners need. Without `later` they hear each event at once. */
export interface EventSource {
  on: Events['on'];
  readonly later?: Events['later'] | undefined;
}

export interface FollowOptions {
  /** Writes ids in another form; `hmac(key)` hashes them. Default: as they are. */
  readonly ids?: IdWriter | undefined;
  /** Which events are told. Default: all. */
  readonly events?: readonly AuditedEvent[] | undefined;
  /** Milliseconds since the epoch, for what does not come with its time. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * Tells what a guard does as the entries that an audit log has: for logs and pages of one's own. Returns the way out.
 * Given `guard.later`, it tells many at a time.
 *
 * @example const stop = followEntries(guard, (entry) => entry.event === 'run:halt' && pager.ring(entry.reason));
 */
export function followEntries(
  guard: Pick<EventSource, 'on'>,
  listener: (entry: AuditEntry) => void,
  options: FollowOptions = {},
): () => void {
  const { ids, now = Date.now } = options;
  const entries = auditEntries(ids);
  const names = options.events ?? (Object.keys(entries) as AuditedEvent[]);
  const offs = names.map((name) => guard.on(name, (event, at: number = now()) => listener(entries[name](event as never, at))));
  return () => {
    for (const off of offs) off();
  };
}
