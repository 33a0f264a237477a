import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Mends the end of a log whose writer died in the middle of a line: a whole line without its end gets it, a part of one
 * is cut off. Returns how many bytes were cut.
 */
export function repairTornLine(file: string): number {
  if (!existsSync(file)) return 0;
  const descriptor = openSync(file, 'r+');
  try {
    const { size } = fstatSync(descriptor);
    const start = startOfLastLine(descriptor, size);
    if (start === size) return 0;
    // A line that is far too long to be one of ours is not read to see whether it is whole.
    const length = size - start;
    const tail = Buffer.alloc(Math.min(length, 1024 * 1024));
    readSync(descriptor, tail, 0, tail.length, start);
    if (length === tail.length && isJson(tail.toString('utf8'))) {
      writeSync(descriptor, '\n', size);
      return 0;
    }
    ftruncateSync(descriptor, start);
    return length;
  } finally {
    closeSync(descriptor);
  }
}

/** Where the text after the last newline begins. */
function startOfLastLine(descriptor: number, size: number): number {
  const chunk = Buffer.alloc(CHUNK);
  for (let end = size; end > 0; end -= CHUNK) {
    const begin = Math.max(0, end - CHUNK);
    const read = readSync(descriptor, chunk, 0, end - begin, begin);
    const at = chunk.subarray(0, read).lastIndexOf(NEWLINE);
    if (at >= 0) return begin + at + 1;
  }
  return 0;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
