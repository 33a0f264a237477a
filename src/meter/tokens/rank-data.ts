import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Encoding } from '../families.ts';

const require = createRequire(import.meta.url);
const OPENING = '"bpe_ranks":"';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const moduleOf = (encoding: Encoding): string => `js-tiktoken/ranks/${encoding}`;

/** js-tiktoken's rank data of an encoding, as bytes, at once. */
export const rankData = (encoding: Encoding): Uint8Array =>
  dataInSource(readFileSync(require.resolve(moduleOf(encoding)))) ?? dataOfModule(encoding);

/** js-tiktoken's rank data of an encoding, as bytes, without blocking on the disk. */
export async function rankDataLater(encoding: Encoding): Promise<Uint8Array> {
  return dataInSource(await readFile(require.resolve(moduleOf(encoding)))) ?? dataOfModule(encoding);
}

/**
 * The data where it stands in the module's source. To run the module would cost a parse of the whole and a string of 2 MB.
 * Undefined where the source is not written as expected; then the module is run after all.
 */
function dataInSource(source: Buffer): Uint8Array | undefined {
  const start = source.indexOf(OPENING) + OPENING.length;
  const end = source.indexOf(QUOTE, start);
  if (start < OPENING.length || end < 0) return undefined;
  const data = source.subarray(start, end);
  return data.includes(BACKSLASH) ? undefined : data;
}

function dataOfModule(encoding: Encoding): Uint8Array {
  const module = require(moduleOf(encoding)) as { bpe_ranks?: string; default?: { bpe_ranks: string } };
  return Buffer.from(module.bpe_ranks ?? module.default?.bpe_ranks ?? '', 'latin1');
}
