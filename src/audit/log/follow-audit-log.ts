import { open, stat, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';
import type { AuditEntry } from './entry.ts';
import { parseEntry } from './parse-entry.ts';

export interface FollowAuditLogOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How often the file is looked at, in milliseconds. Default 250. */
  readonly everyMs?: number | undefined;
}

const CHUNK = 256 * 1024;
const LINE_MAX = 1024 * 1024;

/**
 * Reads an audit log and goes on reading as it grows, through its rotation, until it is told to stop. A file that is not
 * there yet is waited for. Lines that are no entries are skipped.
 *
 * @throws the file system's error for a file that is there and cannot be read
 * @example for await (const entry of followAuditLog('audit.jsonl', { signal })) page.add(entry);
 */
export async function* followAuditLog(file: string, { signal, everyMs = 250 }: FollowAuditLogOptions): AsyncGenerator<AuditEntry> {
  while (!signal.aborted) {
    const handle = await ifThere(open(file, 'r'));
    if (handle) {
      try {
        yield* readGrowing(file, handle, signal, everyMs);
      } finally {
        await handle.close();
      }
    }
    await waited(everyMs, signal);
  }
}

/** Reads one file until another has taken its place, or it was cut. */
async function* readGrowing(file: string, handle: FileHandle, signal: AbortSignal, everyMs: number): AsyncGenerator<AuditEntry> {
  const decoder = new StringDecoder('utf8');
  const buffer = Buffer.alloc(CHUNK);
  const { ino } = await handle.stat();
  let position = 0;
  let rest = '';
  let isLast = false;
  while (!signal.aborted) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, position);
    position += bytesRead;
    const lines = (rest + decoder.write(buffer.subarray(0, bytesRead))).split('\n');
    rest = (lines.pop() ?? '').slice(-LINE_MAX);
    for (const line of lines) {
      const entry = parseEntry(line);
      if (typeof entry !== 'string') yield entry;
    }
    if (bytesRead > 0) continue;
    if (isLast || (await handle.stat()).size < position) return;
    const now = await ifThere(stat(file));
    // Between the last look at it and its replacement more may have been written.
    isLast = now !== undefined && now.ino !== ino;
    if (!isLast) await waited(everyMs, signal);
  }
}

const ifThere = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

const waited = (ms: number, signal: AbortSignal): Promise<void> => pause(ms, undefined, { signal }).catch(() => undefined);
