import type { IncomingMessage } from 'node:http';
import { leftEarly, tooLarge, tooSlow } from './decoded.ts';

/** How much of a body is taken, and how long it may take to arrive. */
export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Whether it is put back for whoever reads the request after this; else nobody may. Default true. */
  readonly isKept?: boolean;
}

/** Whether a request says that it has a body. */
export const hasBody = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Reads the body of a Node request as it was sent, never past the limit, and puts it back: whoever reads the request after
 * this finds it as if nobody had.
 *
 * @throws RefusedRequestError 413 where it is larger (told by its length, nothing is read), 408 where it is slower, 400 where the client left
 * @example const bytes = await readBody(request, { maxBytes: 1_048_576, timeoutMs: 10_000 });
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const { maxBytes, timeoutMs, isKept = true } = limits;
  if (!hasBody(request)) return Promise.resolve(Buffer.alloc(0));
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return isKept ? keptBody(request, maxBytes, timeoutMs) : takenBody(request, maxBytes, timeoutMs);
}

function takenBody(request: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', whole).off('error', gone).off('close', gone);
    };
    const refuse = (error: Error): void => {
      finish();
      request.pause();
      reject(error);
    };
    const gone = (): void => refuse(leftEarly());
    const timer = setTimeout(() => refuse(tooSlow(timeoutMs)), timeoutMs);
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) return refuse(tooLarge(maxBytes));
      chunks.push(chunk);
      return undefined;
    };
    const whole = (): void => {
      finish();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    };
    request.on('data', take).on('end', whole).on('error', gone).on('close', gone);
  });
}

function keptBody(request: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      request.off('readable', take).off('error', gone).off('close', gone);
      settle();
    };
    const gone = (): void => finish(() => reject(leftEarly()));
    const timer = setTimeout(() => finish(() => reject(tooSlow(timeoutMs))), timeoutMs);
    const take = (): void => {
      // Only what is there: a read of an empty stream that is over would end it, and nobody could read it again.
      while (request.readableLength > 0) {
        const chunk = request.read() as Buffer | null;
        if (chunk === null) break;
        size += chunk.length;
        if (size > maxBytes) return finish(() => reject(tooLarge(maxBytes)));
        chunks.push(chunk);
      }
      if (!request.complete) return undefined;
      // Put back in the same turn in which the last of it was taken, so before the stream has told of its end.
      const body = Buffer.concat(chunks);
      if (body.length > 0) request.unshift(body);
      return finish(() => resolve(body));
    };
    request.on('readable', take).on('error', gone).on('close', gone);
    take();
  });
}
