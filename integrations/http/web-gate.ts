import type { Run } from 'holdfast';
import { ClientGoneError, endSoon, passage, problemText, refusalFor, type Arrival } from './gate.ts';
import type { Admission, GatedGuard, GateSettings } from './options.ts';
import type { Refusal } from './problem.ts';
import { readWebBody } from './web-body.ts';

/** A handler of web requests, told how the request is to be served. Further arguments are the server's own. */
export type WebHandler<Rest extends unknown[]> = (request: Request, admission: Admission, ...rest: Rest) => Response | Promise<Response>;

/** Web-standard requests through the gate: the run lasts until the response's body has been sent. */
export function webGate(guard: GatedGuard, settings: GateSettings, remember: (request: object, admission: Admission) => void) {
  const refuse = (refusal: Refusal, fields: Record<string, string>): Response =>
    new Response(problemText(refusal, settings.problem), {
      status: refusal.status,
      headers: { ...fields, ...refusal.headers, 'content-type': 'application/problem+json' },
    });

  return <Rest extends unknown[]>(handler: WebHandler<Rest>) =>
    async (request: Request, ...rest: Rest): Promise<Response> => {
      const passed = await passage(guard, settings, arrivalOf(request, settings));
      if ('refusal' in passed) return refuse(passed.refusal, passed.fields);
      const { scopes, fields, admit } = passed;
      return new Promise<Response>((resolve, reject) => {
        const gone = new AbortController();
        const leave = (): void => gone.abort(new ClientGoneError());
        if (request.signal.aborted) leave();
        else request.signal.addEventListener('abort', leave, { once: true });
        const { agent } = settings;
        const served = guard.run({ scopes, parent: null, signal: gone.signal, ...(agent === undefined ? {} : { agent }) }, async (run) => {
          gone.signal.addEventListener('abort', () => endSoon(run), { once: true });
          const admission = admit(run);
          remember(request, admission);
          try {
            const response = await handler(request, admission, ...rest);
            const made = withFields(response, fields);
            const { response: sent, isSent } = request.method === 'HEAD' ? headOf(made) : untilSent(made, run, gone);
            resolve(sent);
            await isSent;
          } catch (error) {
            const refusal = refusalFor(error, run);
            if (refusal) resolve(refuse(refusal, fields));
            else reject(error);
          }
        });
        served.catch(reject).finally(() => request.signal.removeEventListener('abort', leave));
      });
    };
}

const arrivalOf = (request: Request, { maxBodyBytes, bodyTimeoutMs }: GateSettings): Arrival => {
  const { pathname, search } = new URL(request.url);
  return {
    request: {
      method: request.method,
      url: pathname + search,
      header: (name) => request.headers.get(name) ?? undefined,
      raw: request,
    },
    contentEncoding: request.headers.get('content-encoding') ?? undefined,
    body: () => readWebBody(request, { maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs }),
    gone: request.signal,
  };
};

/** The handler's response with the gate's fields; those of the handler's own win. */
function withFields(response: Response, fields: Record<string, string>): Response {
  const missing = Object.entries(fields).filter(([name]) => !response.headers.has(name));
  if (missing.length === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of missing) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** Nobody reads the body of an answer to HEAD: its run would wait for ever. */
function headOf(response: Response): { response: Response; isSent: Promise<void> } {
  response.body?.cancel().catch(() => {});
  return { response: new Response(null, response), isSent: Promise.resolve() };
}

/** A response of which nobody has asked for another piece for so long was dropped. */
const UNREAD_MAX_MS = 60 * 60_000;

/** A response whose body is made in the run's context, and the moment at which it has been sent, or nobody wants it any more. */
function untilSent(response: Response, run: Run, gone: AbortController): { response: Response; isSent: Promise<void> } {
  if (!response.body) return { response, isSent: Promise.resolve() };
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const leave = (): void => gone.abort(new ClientGoneError());
  let unread: NodeJS.Timeout | undefined;
  const waitForReader = (): void => void (unread = setTimeout(leave, UNREAD_MAX_MS).unref());
  let resolveSent!: () => void;
  const isSent = new Promise<void>((resolve) => (resolveSent = resolve));
  const sent = (): void => {
    clearTimeout(unread);
    resolveSent();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(unread);
        try {
          const { done, value } = await run.within(() => reader.read());
          if (!done) {
            waitForReader();
            return controller.enqueue(value);
          }
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        return sent();
      },
      async cancel(reason) {
        leave();
        sent();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  // A server that drops a response still aborts the request; of one that does it without a word nothing is heard any more.
  waitForReader();
  gone.signal.addEventListener('abort', sent, { once: true });
  return { response: new Response(body, response), isSent };
}
