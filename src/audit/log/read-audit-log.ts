import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import type { AuditEntry } from './entry.ts';
import { parseEntry } from './parse-entry.ts';

export interface ReadAuditLogOptions {
  /** Told of each line that is no entry: torn, foreign, or of a newer version. It is skipped. */
  readonly onProblem?: ((problem: { readonly file: string; readonly line: number; readonly problem: string }) => void) | undefined;
  /** Bytes read and the file's size, after each chunk. */
  readonly onBytes?: ((read: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A line of ours is a few hundred characters; what is longer than this is not read into memory. */
const LINE_MAX = 1024 * 1024;

/**
 * Reads an audit log, entry by entry, in little memory however long it is. Files that end in `.gz` are unpacked.
 *
 * @throws the file system's error for a file that cannot be read, and that of zlib for one that is not packed
 * @example for await (const entry of readAuditLog('audit.jsonl')) if (entry.event === 'run:halt') console.log(entry.reason);
 */
export async function* readAuditLog(file: string, options: ReadAuditLogOptions = {}): AsyncGenerator<AuditEntry> {
  const { onProblem, onBytes, signal } = options;
  const total = (await stat(file)).size;
  const raw = createReadStream(file, signal ? { signal } : {});
  const counted = countedChunks(raw, (read) => onBytes?.(read, total));
  // Whoever reads hears of what fails on the way; and when one end goes, the other does.
  const input = file.endsWith('.gz') ? pipeline(counted, createGunzip(), () => {}) : counted;
  let line = 0;
  for await (const text of linesOf(input)) {
    line += 1;
    if (text === '') continue;
    const entry = typeof text === 'string' ? parseEntry(text) : 'is longer than a line of an audit log can be';
    if (typeof entry === 'string') onProblem?.({ file, line, problem: entry });
    else yield entry;
  }
}

async function* countedChunks(chunks: AsyncIterable<Buffer>, onRead: (read: number) => void): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const chunk of chunks) {
    onRead((read += chunk.length));
    yield chunk;
  }
}

/** The lines of a stream; undefined stands for one that is too long to be held. */
async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<string | undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let isTooLong = false;
  for await (const chunk of input) {
    const lines = decoder.write(chunk).split('\n');
    for (const [index, piece] of lines.entries()) {
      rest = isTooLong ? '' : rest + piece;
      isTooLong ||= rest.length > LINE_MAX;
      if (index === lines.length - 1) continue;
      yield isTooLong ? undefined : rest;
      rest = '';
      isTooLong = false;
    }
  }
  if (isTooLong) yield undefined;
  else if (rest !== '') yield rest;
}
