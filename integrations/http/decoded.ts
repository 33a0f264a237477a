import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { RefusedRequestError } from './problem.ts';

type Decoder = (data: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const zlibDeflate: Decoder = promisify(inflate);
const rawDeflate: Decoder = promisify(inflateRaw);

const decoders: Readonly<Record<string, Decoder>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  br: promisify(brotliDecompress),
  // The name means zlib's format; some clients send the bare one.
  deflate: (data, options) => ((data[0] ?? 0) % 16 === 8 ? zlibDeflate : rawDeflate)(data, options),
};

/** More than this are sent by nobody but those who look for a way around a limit. */
const MOST_ENCODINGS = 2;

/**
 * A body without its content encodings, never larger than `maxBytes`: a bomb is put out before it has grown.
 *
 * @throws RefusedRequestError 415 for an encoding that is not known, 413 for a body that grows too large, 400 for a broken one
 */
export async function decoded(bytes: Uint8Array, contentEncoding: string | undefined, maxBytes: number): Promise<Uint8Array> {
  const names = (contentEncoding ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > MOST_ENCODINGS || names.some((name) => !Object.hasOwn(decoders, name))) {
    throw new RefusedRequestError(415, 'unknown_encoding', 'the body is encoded in a way that is not taken; send gzip, deflate or br', {
      'accept-encoding': 'gzip, deflate, br',
    });
  }
  let plain = bytes;
  for (const name of names.toReversed()) plain = await decode(decoders[name]!, plain, maxBytes);
  return plain;
}

async function decode(decoder: Decoder, bytes: Uint8Array, maxBytes: number): Promise<Buffer> {
  try {
    return await decoder(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new RefusedRequestError(400, 'broken_encoding', 'the body is not encoded as its content-encoding says');
  }
}

export const tooLarge = (maxBytes: number): RefusedRequestError =>
  new RefusedRequestError(413, 'body_too_large', `the body is larger than ${maxBytes} bytes`);

export const tooSlow = (timeoutMs: number): RefusedRequestError =>
  new RefusedRequestError(408, 'body_too_slow', `the body did not arrive within ${timeoutMs} ms`);

export const leftEarly = (): RefusedRequestError =>
  new RefusedRequestError(400, 'body_incomplete', 'the client left before the body had arrived');
