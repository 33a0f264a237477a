import { open, type FileHandle } from 'node:fs/promises';
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
 * @example for await (const entry of followAuditLog('audit.jsonl', { signal })) page.add(entry);
 */
export async function* followAuditLog(file: string, { signal, everyMs = 250 }: FollowAuditLogOptions): AsyncGenerator<AuditEntry> {
  while (!signal.aborted) {
    const handle = await open(file, 'r').catch(() => undefined);
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
    if ((await handle.stat()).size < position || (await isReplaced(file, ino))) return;
    await waited(everyMs, signal);
  }
}

async function isReplaced(file: string, ino: number): Promise<boolean> {
  const now = await open(file, 'r').catch(() => undefined);
  if (!now) return false;
  try {
    return (await now.stat()).ino !== ino;
  } finally {
    await now.close();
  }
}

const waited = (ms: number, signal: AbortSignal): Promise<void> => pause(ms, undefined, { signal }).catch(() => undefined);
