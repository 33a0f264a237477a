import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { UsageError } from '../usage-error.ts';

/** Calls one fixed host, and nothing else. It follows no redirect. */
export interface Upstream {
  /** The address of a path below the upstream's `/v1`. */
  address(path: string, query: string): string;
  /** As the global `fetch`, for addresses of this upstream alone. Rejects with an `UpstreamError`. */
  readonly fetch: typeof globalThis.fetch;
  close(): void;
}

/** The upstream was not reached, hung, broke off, or wants to send the caller elsewhere. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  /** 502, or 504 where it took too long. */
  readonly answer: 502 | 504;
  /** The network's name for it, where there is one. */
  readonly code: string | undefined;

  constructor(answer: 502 | 504, message: string, code?: string, options?: ErrorOptions) {
    super(message, options);
    this.answer = answer;
    this.code = code;
  }
}

export interface UpstreamOptions {
  readonly url: string;
  /** How long it may be silent. */
  readonly idleMs: number;
  readonly sockets: number;
}

/** @throws UsageError for an address that cannot be an upstream */
export function upstreamAt({ url, idleMs, sockets }: UpstreamOptions, where = 'upstream'): Upstream {
  const base = checkedBase(url, where);
  const isSecure = base.protocol === 'https:';
  const options = { keepAlive: true, maxSockets: sockets, maxFreeSockets: Math.min(sockets, 256), scheduling: 'lifo' } as const;
  const agent = isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  const ask = isSecure ? httpsRequest : httpRequest;

  function send(
    target: URL,
    method: string,
    headers: Headers,
    body: Uint8Array | undefined,
    signal: AbortSignal | null,
    mayRetry = true,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const wire: Record<string, string> = {};
      for (const [name, value] of headers) wire[name] = value;
      wire['accept-encoding'] = 'identity';
      if (body) wire['content-length'] = String(body.byteLength);
      const request = ask(target, { method, headers: wire, agent, ...(signal ? { signal } : {}) });
      request.setTimeout(idleMs, () => request.destroy(new UpstreamError(504, `the upstream was silent for ${idleMs} ms`)));
      let hasBegun = false;
      request.once('response', (message) => {
        hasBegun = true;
        resolve(message);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        // A kept connection that the upstream had just closed: the request never began, and is sent anew.
        if (request.reusedSocket && error.code === 'ECONNRESET' && !hasBegun && mayRetry) {
          return resolve(send(target, method, headers, body, signal, false));
        }
        return reject(
          error instanceof UpstreamError ? error : new UpstreamError(502, 'the upstream was not reached, or broke off', error.code),
        );
      });
      request.end(body);
    });
  }

  return {
    address: (path, query) => `${base.origin}${base.pathname}${path}${query}`,
    async fetch(input, init = {}) {
      const target = new URL(input instanceof Request ? input.url : String(input));
      if (target.origin !== base.origin || !target.pathname.startsWith(base.pathname))
        throw new UpstreamError(502, 'this is not an address of the upstream');
      const signal = init.signal ?? null;
      signal?.throwIfAborted();
      const message = await send(target, init.method ?? 'GET', new Headers(init.headers), bytesOf(init.body), signal);
      const status = message.statusCode ?? 502;
      if (status >= 300 && status < 400) {
        message.destroy();
        throw new UpstreamError(502, `the upstream answered with a redirect (${status}), which is not followed`);
      }
      return new Response(isBodyless(status) ? null : webStream(plain(message)), { status, headers: headersOf(message) });
    },
    close: () => agent.destroy(),
  };
}

function checkedBase(url: string, where: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (!base || !['http:', 'https:'].includes(base.protocol))
    throw new UsageError(`${where}: expected an address such as https://api.openai.com/v1`);
  if (base.username !== '' || base.password !== '' || base.search !== '' || base.hash !== '') {
    throw new UsageError(`${where}: expected a bare address, without credentials, query or fragment`);
  }
  const path = base.pathname.replace(/\/+$/, '');
  base.pathname = path.endsWith('/v1') ? path : `${path}/v1`;
  return base;
}

const isBodyless = (status: number): boolean => status === 204 || status === 205;

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  throw new TypeError('expected a body of text or bytes');
}

/** Headers that are about this connection, or that would let an upstream reach into the caller's browser. */
const kept = (name: string): boolean => !hopByHop.has(name) && name !== 'set-cookie';

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  'alt-svc',
]);

function headersOf({ headers }: IncomingMessage): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !kept(name)) continue;
    result.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return result;
}

/** The body without a content encoding: an upstream may encode though it was asked not to. */
function plain(message: IncomingMessage): Readable {
  const encoding = message.headers['content-encoding'];
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'br'
        ? createBrotliDecompress()
        : encoding === 'deflate'
          ? createInflate()
          : undefined;
  return decoder ? pipeline(message, decoder, () => {}) : message;
}

/** How much of a body may wait to be read. */
const BUFFERED_MAX = 65_536;

/** What one read of the socket brings is one piece, however many chunks it was sent in: each piece costs its way through. */
function webStream(source: Readable): ReadableStream<Uint8Array> {
  let isOver = false;
  let waiting: Buffer[] = [];
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const flush = (): void => {
          if (isOver || waiting.length === 0) return;
          const piece = waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
          waiting = [];
          controller.enqueue(piece);
          if ((controller.desiredSize ?? 0) <= 0) source.pause();
        };
        const fail = (error: unknown): void => {
          if (isOver) return;
          flush();
          isOver = true;
          const { code } = error as NodeJS.ErrnoException;
          controller.error(error instanceof UpstreamError ? error : new UpstreamError(502, 'the upstream broke off', code));
        };
        source.on('data', (chunk: Buffer) => {
          waiting.push(chunk);
          if (waiting.length === 1) process.nextTick(flush);
        });
        source.once('end', () => {
          if (isOver) return;
          flush();
          isOver = true;
          controller.close();
        });
        source.on('error', fail);
        source.once('close', () => (isOver ? undefined : fail({})));
        source.pause();
      },
      pull: () => void source.resume(),
      cancel() {
        isOver = true;
        waiting = [];
        source.destroy();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_MAX }),
  );
}
