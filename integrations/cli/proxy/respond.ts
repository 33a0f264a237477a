import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { endEarly } from 'holdfast/http';
import type { Protocol } from './routes.ts';

/** An answer of the proxy's own, in the words of the provider that the client expects. */
export interface Answer {
  readonly status: number;
  readonly message: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const openaiTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};
const anthropicTypes: Readonly<Record<number, string>> = {
  ...openaiTypes,
  413: 'request_too_large',
};

function errorBody(protocol: Protocol, { status, message, code }: Answer): object {
  const fallback = status >= 500 ? (protocol === 'openai' ? 'server_error' : 'api_error') : 'invalid_request_error';
  if (protocol === 'anthropic') return { type: 'error', error: { type: anthropicTypes[status] ?? fallback, message } };
  return { error: { message, type: openaiTypes[status] ?? fallback, param: null, code: code ?? null } };
}

/** Sends an answer of the proxy's own; where the response has begun, the connection is cut, so that nobody takes it for whole. */
export function answer(response: ServerResponse, protocol: Protocol, given: Answer): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  response.statusCode = given.status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('cache-control', 'no-store');
  // The SDKs try again by themselves what a second try does not mend.
  if (given.status < 500 && given.status !== 429) response.setHeader('x-should-retry', 'false');
  for (const [name, value] of Object.entries(given.headers ?? {})) response.setHeader(name, value);
  endEarly(response, Buffer.from(JSON.stringify(errorBody(protocol, given))));
}

/** Answers up to this size are sent in one piece, with their length. */
const WHOLE_MAX = 65_536;

/**
 * Sends an upstream's response on, byte for byte as it comes, no faster than the client reads. One who leaves it unread for
 * `idleMs` is dropped. A small answer that is not a stream goes out whole.
 */
export async function sendOn(
  from: Response,
  to: ServerResponse,
  { idleMs, headers, onStart }: { idleMs: number; headers: Readonly<Record<string, string>>; onStart?: (bytes: Uint8Array) => void },
): Promise<void> {
  const sent: Record<string, string> = {};
  for (const [name, value] of from.headers) sent[name] = value;
  Object.assign(sent, headers);
  if (!from.body) return void to.writeHead(from.status, sent).end();
  const reader = from.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  try {
    const isStream = sent['content-type']?.startsWith('text/event-stream') ?? false;
    const { held, isWhole } = isStream ? { held: [], isWhole: false } : await heldBack(reader);
    if (held[0]) onStart?.(held[0]);
    if (isWhole) {
      const body = held.length === 1 ? held[0]! : Buffer.concat(held);
      return void to.writeHead(from.status, { ...sent, 'content-length': String(body.byteLength) }).end(body);
    }
    to.writeHead(from.status, sent);
    for (const piece of held) if (!to.write(piece)) await drained(to, idleMs);
    await passOn(reader, to, idleMs, held.length > 0 ? undefined : onStart);
    to.end();
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  }
  return undefined;
}

/** The beginning of a body, and whether that is all of it. */
async function heldBack(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<{ held: Uint8Array[]; isWhole: boolean }> {
  const held: Uint8Array[] = [];
  for (let size = 0; size <= WHOLE_MAX;) {
    const { done, value } = await reader.read();
    if (done) return { held, isWhole: true };
    held.push(value);
    size += value.byteLength;
  }
  return { held, isWhole: false };
}

async function passOn(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  to: ServerResponse,
  idleMs: number,
  onStart: ((bytes: Uint8Array) => void) | undefined,
): Promise<void> {
  let begun = onStart;
  // The head travels with the first piece where that is there, and does not wait for one that is not.
  let first: NodeJS.Immediate | undefined = setImmediate(() => to.flushHeaders());
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (first) clearImmediate(first);
      first = undefined;
      if (done) return;
      begun?.(value);
      begun = undefined;
      if (to.destroyed) throw new Error('the client has left');
      if (!to.write(value)) await drained(to, idleMs);
    }
  } catch (error) {
    // Cut off, so that nobody takes it for whole.
    to.destroy();
    throw error;
  } finally {
    if (first) clearImmediate(first);
  }
}

async function drained(response: ServerResponse, idleMs: number): Promise<void> {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(new Error('the client does not read')), idleMs);
  const closed = (): void => stop.abort(new Error('the client has left'));
  response.once('close', closed);
  try {
    await once(response, 'drain', { signal: stop.signal });
  } finally {
    clearTimeout(late);
    response.off('close', closed);
  }
}

/** The client's headers that an upstream is told; everything else stays here, first of all who asked. */
const passedOn: ReadonlySet<string> = new Set([
  'accept',
  'anthropic-beta',
  'anthropic-version',
  'idempotency-key',
  'openai-beta',
  'user-agent',
]);

export function upstreamHeaders({ headers }: IncomingMessage, protocol: Protocol, key: string | undefined): Record<string, string> {
  const result: Record<string, string> = { 'content-type': 'application/json' };
  const take = (name: string): void => {
    const value = headers[name];
    if (typeof value === 'string') result[name] = value;
  };
  for (const name of Object.keys(headers)) if (passedOn.has(name) || name.startsWith('x-stainless-')) take(name);
  if (key === undefined) {
    // The client's own account at the provider: it may say which of its organisations and projects.
    for (const name of ['authorization', 'x-api-key', 'openai-organization', 'openai-project']) take(name);
  } else if (protocol === 'anthropic') result['x-api-key'] = key;
  else result['authorization'] = `Bearer ${key}`;
  return result;
}
