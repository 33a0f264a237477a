import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { decodedBody } from 'holdfast/http';
import { expect, it } from 'vitest';

const plain = Buffer.from('{"message":"☂ hello"}');
const encoded: Record<string, readonly [names: string | undefined, bytes: Uint8Array]> = {
  nothing: [undefined, plain],
  identity: ['identity', plain],
  gzip: ['gzip', gzipSync(plain)],
  'gzip by its old name, in capitals': ['X-GZIP', gzipSync(plain)],
  'gzip of several members': ['gzip', Buffer.concat([gzipSync(plain.subarray(0, 9)), gzipSync(plain.subarray(9))])],
  brotli: ['br', brotliCompressSync(plain)],
  deflate: ['deflate', deflateSync(plain)],
  'deflate as some clients send it': ['deflate', deflateRawSync(plain)],
  'one encoding after another': ['gzip, identity , br', brotliCompressSync(gzipSync(plain))],
};

it.each(Object.entries(encoded))('takes %s from a body', async (_name, [names, bytes]) => {
  expect(Buffer.from(await decodedBody(bytes, names, 1_000)).toString()).toBe(plain.toString());
});

it.each([
  ['an encoding that nobody knows', 'zstd', gzipSync(plain), 415, 'unknown_encoding'],
  ['a name that every object has', 'constructor', gzipSync(plain), 415, 'unknown_encoding'],
  ['more encodings than anybody needs', 'gzip, gzip, gzip', gzipSync(plain), 415, 'unknown_encoding'],
  ['what it is not', 'br', gzipSync(plain), 400, 'broken_encoding'],
  ['the half of it', 'gzip', gzipSync(plain).subarray(0, 12), 400, 'broken_encoding'],
  ['nothing at all', 'gzip', Buffer.alloc(0), 400, 'broken_encoding'],
  ['a bomb', 'gzip', gzipSync(Buffer.alloc(1_000_000)), 413, 'body_too_large'],
  ['a bomb in a bomb', 'br, gzip', gzipSync(brotliCompressSync(Buffer.alloc(1_000_000))), 413, 'body_too_large'],
])('refuses %s', async (_name, names, bytes, status, code) => {
  await expect(decodedBody(bytes, names, 1_000)).rejects.toMatchObject({ name: 'RefusedRequestError', status, code });
});
