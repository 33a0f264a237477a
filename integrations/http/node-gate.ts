import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClientGoneError, endSoon, passage, problemText, refusalFor, type Arrival } from './gate.ts';
import { hasBody, readBody } from './node-body.ts';
import type { Admission, GatedGuard, GateSettings } from './options.ts';
import type { Refusal } from './problem.ts';
import { endEarly } from './end-early.ts';

/** What comes after the gate: Express's `next`, or a handler of one's own, which may be asynchronous. */
export type Next = (error?: unknown) => unknown;

/** Node's requests through the gate: the run lasts until the response has been sent, or the client has left. */
export function nodeGate(guard: GatedGuard, settings: GateSettings, remember: (request: object, admission: Admission) => void) {
  const refuse = (response: ServerResponse, refusal: Refusal): void => {
    const body = Buffer.from(problemText(refusal, settings.problem));
    for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value);
    response.setHeader('content-type', 'application/problem+json');
    response.statusCode = refusal.status;
    endEarly(response, body);
  };

  async function pass(request: IncomingMessage, response: ServerResponse, next: Next): Promise<void> {
    const gone = new AbortController();
    const closed = new Promise<void>((resolve) => response.once('close', resolve));
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new ClientGoneError());
    });
    const passed = await passage(guard, settings, arrivalOf(request, settings, gone.signal));
    if (response.destroyed) return;
    for (const [name, value] of Object.entries(passed.fields)) response.setHeader(name, value);
    if ('refusal' in passed) return refuse(response, passed.refusal);
    const { scopes, admit } = passed;
    const { agent } = settings;
    await guard.run({ scopes, parent: null, signal: gone.signal, ...(agent === undefined ? {} : { agent }) }, async (run) => {
      gone.signal.addEventListener('abort', () => endSoon(run), { once: true });
      remember(request, admit(run));
      try {
        await next();
        await closed;
      } catch (error) {
        const refusal = response.headersSent ? undefined : refusalFor(error, run);
        if (!refusal) throw error;
        refuse(response, refusal);
      }
    });
  }

  return {
    pass,
    /** For a chain of middleware: answers a halt that a handler further down threw, and passes on everything else. */
    onError(error: unknown, request: IncomingMessage, response: ServerResponse, next: Next): void {
      const refusal = response.headersSent ? undefined : refusalFor(error);
      if (refusal) refuse(response, refusal);
      else next(error);
    },
  };
}

function arrivalOf(request: IncomingMessage, { maxBodyBytes, bodyTimeoutMs }: GateSettings, gone: AbortSignal): Arrival {
  const parsed = (request as { body?: unknown }).body;
  const isRead = request.readableEnded || (hasBody(request) && parsed !== undefined);
  return {
    request: {
      method: request.method ?? 'GET',
      url: (request as { originalUrl?: string }).originalUrl ?? request.url ?? '/',
      header(name) {
        const value = request.headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      raw: request,
    },
    contentEncoding: isRead ? undefined : request.headers['content-encoding'],
    body: async () => (isRead ? bytesOf(parsed) : readBody(request, { maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs })),
    gone,
  };
}

/** A body that a parser before the gate has already read, decoded and bounded. */
function bytesOf(parsed: unknown): Uint8Array {
  if (parsed === undefined) return new Uint8Array();
  if (parsed instanceof Uint8Array) return parsed;
  return Buffer.from(typeof parsed === 'string' ? parsed : (JSON.stringify(parsed) ?? ''));
}
