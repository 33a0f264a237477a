import type { Writable } from 'node:stream';
import { InvalidOptionError } from '../../core/errors.ts';
import { AUDIT_VERSION, type AuditEntry } from './entry.ts';
import { fileWriter } from './file-writer.ts';
import { followEntries, type EventSource, type FollowOptions } from './follow-entries.ts';
import { lineQueue } from './line-queue.ts';
import { streamWriter } from './stream-writer.ts';

export interface AuditLogOptions extends FollowOptions {
  /** The file is put aside under a name with its time when it has grown to so many bytes. Default 64 MiB. */
  readonly rotateBytes?: number | undefined;
  /** How many files put aside are kept; the oldest are deleted. Default 64, with the default size 4 GiB in all. */
  readonly keep?: number | undefined;
  /** Entries that wait for the disk or the stream, in characters; beyond it they are lost, and counted. Default 16 Mi. */
  readonly maxPending?: number | undefined;
  /** Waits for the disk itself after each batch, so that a power failure loses no batch that was written. Default false. */
  readonly isDurable?: boolean | undefined;
  /** Told when writing fails. The log goes on trying. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** An audit log that is being written. */
export interface AuditLog {
  /** Writes down what a guard does from now on; the returned function stops it. One log may follow several guards. */
  follow(guard: EventSource): () => void;
  /** Resolves when everything so far is handed to the operating system, or when five seconds were not enough. */
  flush(): Promise<void>;
  /** Stops following, flushes, closes the file. A stream that was given stays open. */
  close(): Promise<void>;
  /** Entries that are written or wait for it, and entries lost: no room, or nobody who takes them. */
  readonly counts: { readonly written: number; readonly lost: number };
}

const BATCH = 256 * 1024;
const RETRY_MS = [100, 500, 2_000, 10_000];
const FLUSH_MS = 5_000;

/**
 * An append-only log of what a guard did: one JSON object a line (see `AuditEntry`). No prompt, argument or result is in
 * it. Entries never wait in a run's way: they are queued within a bound, and when the disk cannot keep up the log says
 * how many it lost (`log:gap`). A file belongs to one process at a time; give each process its own.
 *
 * @throws InvalidOptionError for options that cannot be used, and the file system's error for a path that cannot be written
 * @example
 * const log = auditLog('logs/audit.jsonl', { ids: hmac(key) });
 * log.follow(guard);
 * process.once('SIGTERM', () => guard.close().then(() => log.close()));
 */
export function auditLog(target: string | Writable, options: AuditLogOptions = {}): AuditLog {
  const { rotateBytes = 64 * 1024 * 1024, keep = 64, maxPending = 16 * 1024 * 1024, isDurable = false, now = Date.now } = options;
  checkCounts({ rotateBytes, keep, maxPending });
  const writer = typeof target === 'string' ? fileWriter(target, { rotateBytes, keep, isDurable, now }) : streamWriter(target);
  const queue = lineQueue(maxPending);
  /** Whom the log follows, each with the way out. */
  const followed = new Map<() => void, EventSource>();
  const counted = { written: 0, lost: 0 };
  /** Entries that the writer has been given and has not written. */
  let inHand = 0;
  let pumping: Promise<void> | undefined;
  let isClosed = false;
  /** A stream that has failed stays so; a disk may recover. */
  let isBroken = false;

  function write(entry: AuditEntry): void {
    if (isClosed || isBroken || !queue.push(lineOf(entry))) {
      counted.lost += 1;
      return;
    }
    counted.written += 1;
    pumping ??= pump();
  }

  const takeAll = (most: number): string => {
    const { text, count } = queue.take(most);
    const lost = queue.takeLost();
    inHand += count;
    return lost === 0 ? text : text + lineOf({ v: AUDIT_VERSION, at: now(), event: 'log:gap', entries: lost });
  };

  /** What the writer has and what waits will not be written. */
  function giveUp(): void {
    const entries = inHand + queue.take(Number.POSITIVE_INFINITY).count;
    inHand = 0;
    counted.written -= entries;
    counted.lost += entries;
  }

  async function pump(): Promise<void> {
    // What the same turn of the event loop says goes out at once.
    await new Promise((resolve) => setImmediate(resolve));
    let failures = 0;
    while (!queue.isEmpty || failures > 0) {
      try {
        await writer.append(failures > 0 ? '' : takeAll(BATCH));
        failures = 0;
        inHand = 0;
      } catch (error) {
        tell(error);
        isBroken = typeof target !== 'string';
        if (isBroken) break;
        const pauseMs = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0;
        failures += 1;
        await new Promise<void>((resolve) => void setTimeout(resolve, pauseMs).unref());
        if (isClosed && failures >= RETRY_MS.length) break;
      }
    }
    if (failures > 0 || isBroken) giveUp();
    // In the same moment in which the queue was seen to be empty: a line that comes later needs a pump of its own.
    pumping = undefined;
  }

  function tell(error: unknown): void {
    try {
      options.onError?.(error);
    } catch {
      // An error hook that fails has nobody left to tell.
    }
  }

  const hearRest = (): void => {
    for (const guard of followed.values()) guard.later?.flush();
  };

  const writeRest = (): void => {
    try {
      hearRest();
      const text = takeAll(Number.POSITIVE_INFINITY);
      if (text === '' && inHand === 0) return;
      if (writer.appendNow) {
        writer.appendNow(text);
        inHand = 0;
      } else giveUp();
    } catch (error) {
      tell(error);
      giveUp();
    }
  };
  process.once('exit', writeRest);

  async function flush(): Promise<void> {
    hearRest();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
    await Promise.race([late, pumping]);
    clearTimeout(timer);
  }

  return {
    follow(guard) {
      const stop = followEntries(guard.later ?? guard, write, options);
      const off = (): void => {
        followed.delete(off);
        stop();
      };
      followed.set(off, guard);
      return off;
    },
    flush,
    async close() {
      for (const off of followed.keys()) off();
      await flush();
      isClosed = true;
      process.off('exit', writeRest);
      writeRest();
      await writer.close();
    },
    get counts() {
      hearRest();
      return { ...counted };
    },
  };
}

const lineOf = (entry: AuditEntry): string => `${JSON.stringify(entry)}\n`;

function checkCounts(options: Readonly<Record<string, number>>): void {
  const issues = Object.entries(options)
    .filter(([, value]) => !Number.isSafeInteger(value) || value < 1)
    .map(([path, value]) => ({ path, message: `expected a whole number of 1 or more, got ${String(value)}`, value }));
  if (issues.length > 0) throw new InvalidOptionError('options of auditLog', issues);
}
