import type { ServerResponse } from 'node:http';
import { hasBody } from './node-body.ts';

/** How long a client whose body is not wanted may take to read the answer. */
const LINGER_MS = 500;

/**
 * Ends a response whose headers are set. Where part of the request has not been read, it never will be: the connection is
 * given up, a moment later, so that the answer reaches a client that is still sending.
 *
 * @example response.statusCode = 413; endEarly(response, Buffer.from('too large'));
 */
export function endEarly(response: ServerResponse, body: Buffer): void {
  const { req: request } = response;
  response.setHeader('content-length', body.length);
  if (request.complete || !hasBody(request)) return void response.end(body);
  response.setHeader('connection', 'close');
  response.write(body);
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  response.once('close', () => clearTimeout(timer));
  return undefined;
}
