import type { IncomingMessage } from 'node:http';
import { RefusedError } from './actions.ts';

const BODY_MOST = 16 * 1024;

/** The body of a request as JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > BODY_MOST) throw new RefusedError('the request is too long');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusedError('the request is not JSON');
  }
}
