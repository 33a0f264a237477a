import { isUtf8 } from 'node:buffer';
import { refuse } from './answer-error.ts';
import type { Json } from './history.ts';

const MODEL_LENGTH_MAX = 256;
const BYTE_ORDER_MARK = 0xfeff;

/** The body, and its text anew: what goes up is what was read here, so a name that comes twice means the same to everybody. */
export function parsedBody(bytes: Uint8Array): { readonly body: Json; readonly text: string } {
  let body: unknown;
  let text: string;
  try {
    if (!isUtf8(bytes)) throw new TypeError('no UTF-8');
    const read = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    body = JSON.parse(read.charCodeAt(0) === BYTE_ORDER_MARK ? read.slice(1) : read);
    // Throws for what is nested so deeply that nobody could walk through it.
    text = JSON.stringify(body);
  } catch {
    return refuse(400, 'the body is not JSON in UTF-8');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return refuse(400, 'the body is not a JSON object');
  const { model } = body as { model?: unknown };
  if (typeof model !== 'string' || model === '' || model.length > MODEL_LENGTH_MAX) return refuse(400, 'the body names no model');
  return { body: body as Json, text };
}
