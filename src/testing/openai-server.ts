import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { chatBody, chatEvents, readChatRequest, type ReplyFacts } from './openai-chat.ts';
import { isRecord } from './openai-conversation.ts';
import { readResponsesRequest, responsesBody, responsesEvents } from './openai-responses.ts';
import { InvalidRequest, type OpenAIScript, type RecordedRequest, type ScriptedReply, type WireRequest } from './openai-script.ts';
import { cutReply, roughTokens, type CutReply, type Tokenize } from './openai-tokens.ts';

export type { OpenAIScript, RecordedRequest, ReplyFault, ReportedUsage, ScriptedReply, WireMessage, WireRequest } from './openai-script.ts';
export { roughTokens, type Tokenize } from './openai-tokens.ts';

export interface OpenAIServerOptions {
  /** Plays the model. */
  readonly script: OpenAIScript;
  /** Default: a free port. */
  readonly port?: number;
  /** How texts are cut into tokens, for usage, output caps and the pieces of a stream. Default: a rough one. */
  readonly tokenize?: Tokenize;
}

/** A server that is up. */
export interface OpenAIServer extends AsyncDisposable {
  /** What a client takes as its base URL, such as `http://127.0.0.1:40123/v1`. */
  readonly url: string;
  /** The requests so far, oldest first; the newest 10,000 are kept. */
  readonly requests: readonly RecordedRequest[];
  /** Why requests were refused with 400, oldest first; an agent that behaves leaves this empty. */
  readonly refusals: readonly string[];
  /** Ends at once, whatever is under way. */
  close(): Promise<void>;
}

const REQUESTS_KEPT_MAX = 10_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;

const apis = {
  '/v1/chat/completions': { read: readChatRequest, body: chatBody, events: chatEvents },
  '/v1/responses': { read: readResponsesRequest, body: responsesBody, events: responsesEvents },
} as const;

/**
 * Starts a server on the loopback interface that speaks OpenAI's Chat Completions and Responses protocols, streaming and
 * not, and plays a script: a model for tests and demos, without a key and without a network. Requests that OpenAI
 * refuses (a tool call without its result, a result without its call) are refused with 400, and output caps are kept.
 *
 * ```ts
 * const server = await startOpenAIServer({
 *   script: (request, turn) => (turn === 0 ? { toolCalls: [{ name: 'search', args: { query: 'rain' } }] } : 'It will rain.'),
 * });
 * const model = new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: 'none', configuration: { baseURL: server.url } });
 * …
 * await server.close();
 * ```
 */
export async function startOpenAIServer({ script, port = 0, tokenize = roughTokens }: OpenAIServerOptions): Promise<OpenAIServer> {
  const requests: RecordedRequest[] = [];
  const refusals: string[] = [];
  const closing = new AbortController();
  let count = 0;

  const record = (request: WireRequest, message: IncomingMessage): RecordedRequest => {
    const turn = request.messages.filter(({ role }) => role === 'assistant').length;
    const recorded = { ...request, index: count++, turn, headers: message.headers, status: undefined, usage: undefined, aborted: false };
    keep(requests, recorded);
    return recorded;
  };

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const api = apis[(message.url ?? '').split('?')[0] as keyof typeof apis];
    if (message.method !== 'POST' || !api) return sendError(response, 404, `Unknown request URL: ${message.method} ${message.url}.`);
    const request = record(api.read(await readBody(message)), message);
    const gone = new AbortController();
    response.once('close', () => {
      request.aborted = !response.writableFinished;
      gone.abort();
    });
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const played = await script(request, request.turn);
    const reply: ScriptedReply = typeof played === 'string' ? { text: played } : played;
    if (reply.delayMs) await sleep(reply.delayMs, undefined, { signal });
    const { fault } = reply;
    if (fault?.kind === 'status') {
      request.status = fault.status;
      const retryAfter = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
      return sendError(response, fault.status, fault.message ?? `Scripted status ${fault.status}.`, retryAfter);
    }
    const cut = fault?.kind === 'empty' ? undefined : cutReply(reply, request, request.index, tokenize);
    request.usage = cut?.usage;
    const facts: ReplyFacts = {
      index: request.index,
      model: reply.model ?? request.model,
      n: request.n,
      reportsUsage: reply.usage !== 'missing',
    };
    const events = request.stream ? api.events(cut, facts, request) : undefined;
    await send(response, request, reply, events ?? api.body(cut, facts), cut, signal);
  };

  const server = createServer((message, response) => {
    // Whoever went away needs no answer; whatever else goes wrong is told to the client, so that a broken script is seen.
    answer(message, response).catch((error: unknown) => {
      if (response.destroyed || response.headersSent) return void response.destroy();
      if (error instanceof InvalidRequest) keep(refusals, error.message);
      const status = error instanceof InvalidRequest ? 400 : 500;
      sendError(response, status, error instanceof Error ? error.message : String(error), { 'x-should-retry': 'false' });
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    closing.abort();
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return { url, requests, refusals, close, [Symbol.asyncDispose]: close };
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > REQUESTS_KEPT_MAX) list.shift();
}

async function readBody(message: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new InvalidRequest(`The body is larger than ${BODY_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (isRecord(body)) return body;
  } catch {
    // Told below, as for a body that is JSON but no object.
  }
  throw new InvalidRequest('We could not parse the JSON body of your request.');
}

/** Sends the whole or the events one by one, and plays the fault where it is due. */
async function send(
  response: ServerResponse,
  request: RecordedRequest,
  { fault, pieceDelayMs }: ScriptedReply,
  content: unknown,
  cut: CutReply | undefined,
  signal: AbortSignal,
): Promise<void> {
  const breaks = fault?.kind === 'reset' || fault?.kind === 'hang' ? { kind: fault.kind, afterPieces: fault.afterPieces ?? 0 } : undefined;
  const breakHere = async (): Promise<void> => {
    // What was written before the break must still arrive.
    if (response.headersSent) await new Promise<void>((resolve) => response.write(':\n\n', () => resolve()));
    if (breaks?.kind === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    response.destroy();
  };
  if (!request.stream) {
    if (breaks) return breakHere();
    request.status = 200;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    return;
  }
  if (breaks?.kind === 'reset' && breaks.afterPieces === 0) return breakHere();
  request.status = 200;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  let sent = 0;
  for (const event of content as Iterable<unknown>) {
    if (breaks && sent >= breaks.afterPieces) return breakHere();
    if (sent > 0 && pieceDelayMs && cut) await sleep(pieceDelayMs, undefined, { signal });
    if (signal.aborted) return;
    const name = request.api === 'responses' ? `event: ${(event as { type: string }).type}\n` : '';
    const hasRoom = response.write(`${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
    if (!hasRoom) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    sent += 1;
  }
  response.end();
}

function sendError(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error';
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, type, param: null, code: null } }));
}
