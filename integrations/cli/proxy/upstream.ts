import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { UsageError } from '../usage-error.ts';
import { silenceWatch } from './silence.ts';

/** Calls one fixed host, and nothing else. It follows no redirect. */
export interface Upstream {
  /** The address of a path below the upstream's `/v1`. */
  address(path: string, query: string): string;
  ask(request: UpstreamRequest): UpstreamCall;
  close(): void;
}

/** Headers as names and values in turn, which is how Node takes and gives them without a detour. */
export type HeaderList = readonly string[];

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** Below the upstream's `/v1`. */
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly body: string | undefined;
}

/** A request that is under way. */
export interface UpstreamCall {
  /** Rejects with an `UpstreamError`, or with what it was stopped for. */
  readonly answer: Promise<UpstreamAnswer>;
  /** Ends it, wherever it stands. */
  stop(reason: Error): void;
}

/** An answer whose body has not been read yet. */
export interface UpstreamAnswer {
  readonly status: number;
  /** Those that a client may see. */
  readonly headers: HeaderList;
  /** One of them, by its lower-case name. */
  header(name: string): string | undefined;
  /** Without a content encoding. It fails with an `UpstreamError`. */
  readonly body: Readable;
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
  const pool = { keepAlive: true, maxSockets: sockets, maxFreeSockets: Math.min(sockets, 256), scheduling: 'lifo' } as const;
  const agent = isSecure ? new HttpsAgent(pool) : new HttpAgent(pool);
  const start = isSecure ? httpsRequest : httpRequest;
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const port = base.port === '' ? (isSecure ? 443 : 80) : Number(base.port);
  const fixed = ['host', base.host, 'accept-encoding', 'identity'];
  const watch = silenceWatch(idleMs);

  function ask({ method, path, query, headers, body }: UpstreamRequest): UpstreamCall {
    const list = [...fixed, ...headers];
    const bytes = body === undefined ? 0 : Buffer.byteLength(body);
    if (body !== undefined) list.push('content-length', String(bytes));
    // What is plain ASCII goes out in one write with the head, without being encoded.
    const encoding = bytes === body?.length ? 'latin1' : 'utf8';
    let request: ClientRequest;
    let stopped: Error | undefined;
    let watched = (): void => {};

    function stop(reason: Error): void {
      stopped ??= reason;
      watched();
      request.destroy(reason);
    }

    function send(resolve: (answer: UpstreamAnswer) => void, reject: (error: Error) => void, mayRetry: boolean): void {
      let hasBegun = false;
      const sent = start({ agent, host, port, method, path: `${base.pathname}${path}${query}`, headers: list });
      request = sent;
      sent.once('response', (message) => {
        hasBegun = true;
        message.once('close', watched);
        try {
          resolve(answered(message));
        } catch (error) {
          message.destroy();
          reject(error as Error);
        }
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (hasBegun) return;
        // A kept connection that the upstream had just closed, or so it seems: one that costs something may have arrived, and is
        // its client's to repeat, as a call of its own.
        if (sent.reusedSocket && error.code === 'ECONNRESET' && !stopped && mayRetry) return send(resolve, reject, false);
        watched();
        reject(stopped ?? new UpstreamError(502, 'the upstream was not reached, or broke off', error.code));
      });
      sent.end(body, encoding);
    }

    const answer = new Promise<UpstreamAnswer>((resolve, reject) => send(resolve, reject, method === 'GET'));
    watched = watch(
      () => request.socket?.bytesRead ?? 0,
      () => stop(new UpstreamError(504, `the upstream was silent for ${idleMs} ms`)),
    );
    return { answer, stop };
  }

  return {
    address: (path, query) => `${base.origin}${base.pathname}${path}${query}`,
    ask,
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

/** Headers that are about this connection, or that would let an upstream reach into the caller's browser. */
const held: ReadonlySet<string> = new Set([
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
  'set-cookie',
]);

function answered(message: IncomingMessage): UpstreamAnswer {
  // Whoever reads the body hears of its end; nobody may read it.
  message.on('error', () => {});
  const { statusCode: status = 0, rawHeaders } = message;
  if (status >= 300 && status < 400)
    throw new UpstreamError(502, `the upstream answered with a redirect (${status}), which is not followed`);
  if (status < 200 || status > 599) throw new UpstreamError(502, 'the upstream answered with a status that is none');
  const headers: string[] = [];
  let encoding: string | undefined;
  for (let place = 0; place < rawHeaders.length; place += 2) {
    const name = rawHeaders[place]!.toLowerCase();
    if (name === 'content-encoding') encoding ??= rawHeaders[place + 1];
    else if (!held.has(name)) headers.push(name, rawHeaders[place + 1]!);
  }
  return { status, headers, header: (name) => headerIn(headers, name), body: plain(message, encoding) };
}

function headerIn(headers: HeaderList, name: string): string | undefined {
  for (let place = 0; place < headers.length; place += 2) if (headers[place] === name) return headers[place + 1];
  return undefined;
}

/** The body without a content encoding: an upstream may encode though it was asked not to. */
function plain(message: IncomingMessage, encoding: string | undefined): Readable {
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
