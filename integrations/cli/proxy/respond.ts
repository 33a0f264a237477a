import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Run } from 'holdfast';
import type { OwnAnswer } from 'holdfast/fetch';
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

/** Sends an answer that the guard gives in the provider's place; gives its status. */
export function sendOwn(response: ServerResponse, { status, headers, body }: OwnAnswer, run: Run): number {
  const head = { ...headers, 'holdfast-run': run.id, 'content-length': Buffer.byteLength(body) };
  if (!response.destroyed) response.writeHead(status, head).end(body);
  return status;
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

export function upstreamHeaders({ headers }: IncomingMessage, protocol: Protocol, key: string | undefined): string[] {
  const result = ['content-type', 'application/json'];
  const take = (name: string): void => {
    const value = headers[name];
    if (typeof value === 'string') result.push(name, value);
  };
  for (const name in headers) if (passedOn.has(name) || name.startsWith('x-stainless-')) take(name);
  if (key === undefined) {
    // The client's own account at the provider: it may say which of its organisations and projects.
    for (const name of ownAccount) take(name);
  } else if (protocol === 'anthropic') result.push('x-api-key', key);
  else result.push('authorization', `Bearer ${key}`);
  return result;
}

const ownAccount = ['authorization', 'x-api-key', 'openai-organization', 'openai-project'];
