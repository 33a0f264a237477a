import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { repairTornLine } from './torn-line.ts';
import type { Writer } from './writer.ts';

export interface FileWriterOptions {
  /** The file is put aside when it has grown to so many bytes. */
  readonly rotateBytes: number;
  /** How many files that were put aside are kept; the oldest go. */
  readonly keep: number;
  /** Asks the disk to write through after each batch. */
  readonly isDurable: boolean;
  readonly now: () => number;
}

/**
 * Appends to a file. It is opened, and a torn last line mended, here and now, so that a path that cannot be written is
 * told when the log is made and not in the middle of the night.
 */
export function fileWriter(file: string, { rotateBytes, keep, isDurable, now }: FileWriterOptions): Writer {
  mkdirSync(path.dirname(file), { recursive: true });
  repairTornLine(file);
  let bytes = sizeNow(file);
  let putAsideAt = rotateBytes;
  let handle: FileHandle | undefined;
  let unfinished: Buffer | undefined;
  let isWriting = false;

  async function finish(): Promise<void> {
    while (unfinished) {
      handle ??= await open(file, 'a');
      isWriting = true;
      try {
        const { bytesWritten } = await handle.write(unfinished);
        bytes += bytesWritten;
        unfinished = bytesWritten < unfinished.length ? unfinished.subarray(bytesWritten) : undefined;
      } finally {
        isWriting = false;
      }
    }
    if (isDurable) await handle?.datasync();
  }

  async function putAside(): Promise<void> {
    // Where it cannot be put aside it goes on to grow, and that is tried again when as much has come to it.
    putAsideAt = bytes + rotateBytes;
    await handle?.close();
    handle = undefined;
    await rename(file, asideName(file, now()));
    bytes = 0;
    putAsideAt = rotateBytes;
    handle = await open(file, 'a');
    const aside = await filesAside(file);
    for (const old of aside.slice(0, Math.max(0, aside.length - keep))) await unlink(old);
  }

  return {
    async append(text) {
      if (text !== '') unfinished = unfinished ? Buffer.concat([unfinished, Buffer.from(text)]) : Buffer.from(text);
      try {
        await finish();
        if (bytes >= putAsideAt) await putAside();
      } catch (error) {
        // The next attempt opens the file anew: it may have been moved, or its disk mounted again.
        const old = handle;
        handle = undefined;
        await old?.close().catch(() => {});
        throw error;
      }
    },
    appendNow(text) {
      const descriptor = openSync(file, 'a');
      try {
        // What the operating system has in its hands is written by it; what failed before is tried once more.
        const failed = unfinished && !isWriting ? unfinished : Buffer.alloc(0);
        if (!isWriting) unfinished = undefined;
        for (let rest = Buffer.concat([failed, Buffer.from(text)]); rest.length > 0;) rest = rest.subarray(writeSync(descriptor, rest));
      } finally {
        closeSync(descriptor);
      }
    },
    async close() {
      await handle?.sync().catch(() => {});
      await handle?.close();
      handle = undefined;
    },
  };
}

function sizeNow(file: string): number {
  const descriptor = openSync(file, 'a');
  try {
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

let putAsideCount = 0;

/** `audit.jsonl` becomes `audit.2026-01-15T12-00-00-000Z.00001.jsonl`: names sort by age. */
function asideName(file: string, now: number): string {
  const { dir, name, ext } = path.parse(file);
  putAsideCount = (putAsideCount + 1) % 100_000;
  const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, '-');
  return path.join(dir, `${name}.${stamp}.${String(putAsideCount).padStart(5, '0')}${ext}`);
}

/** The files that were put aside for this one, oldest first. */
async function filesAside(file: string): Promise<string[]> {
  const { dir, name, ext } = path.parse(file);
  const isAside = (entry: string): boolean =>
    entry.startsWith(`${name}.`) &&
    entry.endsWith(ext) &&
    /^\d{4}-\d\d-\d\dT[\d-]+Z\.\d{5}$/.test(entry.slice(name.length + 1, entry.length - ext.length));
  return (await readdir(dir === '' ? '.' : dir))
    .filter(isAside)
    .sort()
    .map((entry) => path.join(dir, entry));
}
