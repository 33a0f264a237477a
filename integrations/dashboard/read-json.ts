import type { IncomingMessage } from 'node:http';
import { RefusedError } from './actions.ts';

const BODY_MOST = 16 * 1024;

/** The body of a request as JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  // A letter may come in two chunks.
  request.setEncoding('utf8');
  for await (const chunk of request as AsyncIterable<string>) {
    text += chunk;
    if (text.length > BODY_MOST) throw new RefusedError('the request is too long');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError('the request is not JSON');
  }
}
