import { leftEarly, tooLarge, tooSlow } from './decoded.ts';
import type { BodyLimits } from './node-body.ts';

/**
 * Reads the body of a web request from a copy, never past the limit: the request itself stays as it is, for the handler.
 *
 * @throws RefusedRequestError 413 where it is larger (told by its length, nothing is read), 408 where it is slower, 400 where the client left
 */
export async function readWebBody(request: Request, { maxBytes, timeoutMs }: BodyLimits): Promise<Uint8Array> {
  if (request.bodyUsed) throw new TypeError('the body was read before the gate could; let the gate come first');
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (!request.body) return new Uint8Array();
  const reader = request.clone().body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs);
  });
  late.catch(() => {});
  const gone = (): never => {
    throw leftEarly();
  };
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read().catch(gone), late]);
      if (done) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      size += value.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(value);
    }
  } finally {
    // The rest is not asked for. It is not cancelled either: a server would hang up before the client has its answer.
    clearTimeout(timer);
  }
}
