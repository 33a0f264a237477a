import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedRequest, ReplyFault, ScriptedReply } from './openai-script.ts';
import type { ErrorBody } from './wire-error.ts';

/** A reply that is ready to be sent. */
export interface ReadyReply {
  readonly response: ServerResponse;
  readonly request: RecordedRequest;
  readonly reply: ScriptedReply;
  /** Aborts when the client goes away or the server closes. */
  readonly signal: AbortSignal;
  readonly error: ErrorBody;
  readonly body: unknown;
  /** The same as events, where the request asked for a stream. */
  readonly events: Iterable<unknown> | undefined;
}

const GARBLED = '{"this is": no JSON';

/** Sends the whole or the events one by one, and plays the fault where it is due. */
export async function sendReply(ready: ReadyReply): Promise<void> {
  const { response, request, reply, body, events, error } = ready;
  const { fault } = reply;
  if (events) return sendEvents(ready, events);
  if (fault?.kind === 'reset' || fault?.kind === 'hang') return breakOff(ready, fault);
  request.status = fault?.kind === 'streamError' ? 500 : 200;
  const sent = fault?.kind === 'streamError' ? error(500, fault.message ?? SCRIPTED_ERROR) : body;
  response.writeHead(request.status, { 'content-type': 'application/json' });
  response.end(fault?.kind === 'garbled' ? GARBLED : JSON.stringify(sent));
}

const SCRIPTED_ERROR = 'Scripted error.';

async function sendEvents(ready: ReadyReply, events: Iterable<unknown>): Promise<void> {
  const { response, request, reply, signal, error } = ready;
  const { fault, pieceDelayMs } = reply;
  const breaks = fault && 'afterPieces' in fault ? (fault.afterPieces ?? 0) : fault && fault.kind !== 'empty' ? 0 : undefined;
  if (fault?.kind === 'reset' && breaks === 0) return breakOff(ready, fault);
  request.status = 200;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const write = async (text: string): Promise<void> => {
    // A client that went away drains nothing: the loop sees that itself.
    if (!response.write(text)) await once(response, 'drain', { signal }).catch(() => {});
  };
  let sent = 0;
  for (const event of events) {
    if (fault && breaks !== undefined && sent >= breaks) {
      if (fault.kind === 'reset' || fault.kind === 'hang') return breakOff(ready, fault);
      if (fault.kind === 'cutOff') break;
      if (fault.kind === 'streamError') {
        await write(eventText(ready, errorEvent(request, error(500, fault.message ?? SCRIPTED_ERROR)), 'error'));
        break;
      }
    }
    if (sent > 0 && pieceDelayMs) await sleep(pieceDelayMs, undefined, { signal });
    if (signal.aborted) return;
    const isGarbled = fault?.kind === 'garbled' && sent >= (breaks ?? 0);
    await write(isGarbled ? `data: ${GARBLED}\n\n` : eventText(ready, event));
    sent += 1;
  }
  response.end();
}

/** OpenAI's Responses say an error flat, with a type; the others as they answer with one. */
const errorEvent = ({ api }: RecordedRequest, body: unknown): unknown =>
  api === 'responses' ? { type: 'error', ...(body as { error: object }).error } : body;

/** An event as the protocol writes it: OpenAI's first API gives its events no names. */
function eventText({ request }: ReadyReply, event: unknown, name?: string): string {
  const named = request.api === 'chat' ? '' : `event: ${name ?? (event as { type: string }).type}\n`;
  return `${named}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
}

async function breakOff({ response, signal }: ReadyReply, { kind }: ReplyFault): Promise<void> {
  // What was written before the break must still arrive.
  if (response.headersSent) await new Promise<void>((resolve) => response.write(':\n\n', () => resolve()));
  if (kind === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  response.destroy();
}
