import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
// @ts-expect-error: it comes without types
import expressModule from 'express';
import { Hono } from 'hono';
import { serve } from '@hono/node-server';
import { createGuard, type Guard } from 'holdfast';
import type { Admission, HttpGate, Next } from 'holdfast/http';

/** What one call of the played agent costs. */
export const callUsage = { inputTokens: 100, outputTokens: 20 };

/** An agent that makes one model call in whatever run is around it. */
export async function answer(guard: Guard, signal?: AbortSignal): Promise<string> {
  const run = guard.current()?.run;
  if (!run) throw new Error('there is no run around the handler');
  return run.step({ kind: 'model', model: 'gpt-4o-mini', input: 'hello', maxOutputTokens: 50 }, async () => {
    signal?.throwIfAborted();
    return { output: 'an answer', usage: callUsage };
  });
}

/** A guard that tells which runs have ended, and when none is left. */
export function watchedGuard(options: Parameters<typeof createGuard>[0] = {}) {
  const guard = createGuard(options);
  const ended: { scopes: Readonly<Record<string, string>>; steps: number; tokens: number; outcomes: string[] }[] = [];
  const outcomes = new Map<string, string[]>();
  let live = 0;
  guard.on('run:start', () => void (live += 1));
  guard.on('step:end', ({ run, step }) => void outcomes.set(run.id, [...(outcomes.get(run.id) ?? []), step.outcome]));
  guard.on('run:end', ({ run, report }) => {
    live -= 1;
    ended.push({ scopes: run.scopes, steps: report.used.steps, tokens: report.used.tokens, outcomes: outcomes.get(run.id) ?? [] });
  });
  return { guard, ended, live: () => live };
}

export interface Served {
  readonly port: number;
  close(): Promise<void>;
}

/** The part of Express that is used here. */
interface ExpressApp {
  (request: IncomingMessage, response: ServerResponse): void;
  use(...handlers: unknown[]): void;
  post(path: string, ...handlers: unknown[]): void;
}
const express = expressModule as { (): ExpressApp; text(options: object): unknown };

type Handle = (body: string, admission: Admission) => Promise<string | ReadableStream<Uint8Array>>;

/** The same endpoint behind each kind of server: it reads the body itself, after the gate has. */
export const servers: Readonly<Record<string, (gate: HttpGate, handle: Handle) => Promise<Served>>> = {
  async hono(gate, handle) {
    const app = new Hono();
    app.post('/chat', (context) =>
      gate.web(async (request, admission) => new Response((await handle(await request.text(), admission)) as never))(context.req.raw),
    );
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    if (!server.listening) await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, close: () => closed(server as never) };
  },

  async 'hono middleware'(gate, handle) {
    const app = new Hono();
    app.use('/chat', async (context, next) => {
      context.res = await gate.web(async () => {
        await next();
        if (context.error) throw context.error;
        return context.res;
      })(context.req.raw);
    });
    app.post('/chat', async (context) => {
      const admission = gate.admission(context.req.raw);
      if (!admission) throw new Error('the gate has not seen this request');
      return new Response((await handle(await context.req.text(), admission)) as never);
    });
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    if (!server.listening) await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, close: () => closed(server as never) };
  },

  async express(gate, handle) {
    const app = express();
    const handler = async (request: IncomingMessage & { body?: unknown }, response: ServerResponse): Promise<void> => {
      const admission = gate.admission(request);
      if (!admission) throw new Error('the gate has not seen this request');
      const result = await handle(typeof request.body === 'string' ? request.body : '', admission);
      if (typeof result === 'string') response.write(result);
      else for await (const chunk of result as AsyncIterable<Uint8Array>) response.write(chunk);
      response.end();
    };
    app.post('/chat', gate.node, express.text({ type: () => true, limit: '10mb' }), (request: never, response: never, next: Next) => {
      handler(request, response).catch(next);
    });
    app.use(gate.onError);
    return listen(app);
  },

  async 'node:http'(gate, handle) {
    return listen((request, response) => {
      const work = gate.node(request, response, async () => {
        const admission = gate.admission(request);
        if (!admission) throw new Error('the gate has not seen this request');
        let body = '';
        for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
        const result = await handle(body, admission);
        if (typeof result === 'string') return void response.end(result);
        for await (const chunk of result as AsyncIterable<Uint8Array>) response.write(chunk);
        return void response.end();
      });
      work.catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  },
};

export async function listen(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

async function closed(server: { closeAllConnections(): void; close(done: () => void): void }): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Posts a body, whole or chunk by chunk, as the headers say. */
export async function post(
  port: number,
  body: string | Buffer | AsyncIterable<Buffer>,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path: '/chat',
    method: 'POST',
    agent: false,
    headers: { 'x-user': 'ann', ...headers },
    ...(signal ? { signal } : {}),
  });
  const responded = once(request, 'response') as Promise<[IncomingMessage]>;
  responded.catch(() => {});
  if (typeof body === 'string' || Buffer.isBuffer(body)) request.end(body);
  else send(request, body).catch(() => {});
  const [response] = await responded;
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

async function send(request: ReturnType<typeof httpRequest>, body: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of body) {
      if (request.destroyed) return;
      if (!request.write(chunk)) await Promise.race([once(request, 'drain'), once(request, 'close')]);
    }
    request.end();
  } catch {
    // A server that has heard enough hangs up.
  }
}

/** Waits for something that is about to be so. */
export async function until(isSo: () => boolean): Promise<void> {
  const givesUpAt = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > givesUpAt) throw new Error('waited 10 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
