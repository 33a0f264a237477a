import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { messagesBody, messagesEvents, readMessagesRequest } from './anthropic-messages.ts';
import { chatBody, chatEvents, readChatRequest, type ReplyFacts } from './openai-chat.ts';
import { isRecord } from './openai-conversation.ts';
import { embeddingsBody, readEmbeddingsRequest } from './openai-embeddings.ts';
import { readResponsesRequest, responsesBody, responsesEvents } from './openai-responses.ts';
import { InvalidRequest, type OpenAIScript, type RecordedRequest, type ScriptedReply, type WireRequest } from './openai-script.ts';
import { cutReply, roughTokens, type CutReply, type Tokenize } from './openai-tokens.ts';
import { sendReply } from './send-reply.ts';
import { anthropicError, openAIError, type ErrorBody } from './wire-error.ts';

export type { OpenAIScript, RecordedRequest, ReplyFault, ReportedUsage, ScriptedReply, WireMessage, WireRequest } from './openai-script.ts';
export { roughTokens, type Tokenize } from './openai-tokens.ts';

/** What the server plays, and where. */
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
  /** What a client of OpenAI's takes as its base URL, such as `http://127.0.0.1:40123/v1`. */
  readonly url: string;
  /** The same without the path, which is what a client of Anthropic's takes: `http://127.0.0.1:40123`. */
  readonly origin: string;
  /** The requests so far, oldest first; the newest 10,000 are kept. */
  readonly requests: readonly RecordedRequest[];
  /** Why requests were refused with 400, oldest first; an agent that behaves leaves this empty. */
  readonly refusals: readonly string[];
  /** Ends at once, whatever is under way. */
  close(): Promise<void>;
}

const REQUESTS_KEPT_MAX = 10_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** One protocol: how it reads a request, and how it says the answer, at once or in events, or that something went wrong. */
interface Api {
  readonly read: (body: Record<string, unknown>) => WireRequest;
  readonly body: (reply: CutReply | undefined, facts: ReplyFacts, request: WireRequest) => unknown;
  readonly events?: (reply: CutReply | undefined, facts: ReplyFacts, request: WireRequest) => Iterable<unknown>;
  readonly error: ErrorBody;
}

const apis: Readonly<Record<string, Api>> = {
  '/v1/chat/completions': { read: readChatRequest, body: chatBody, events: chatEvents, error: openAIError },
  '/v1/responses': { read: readResponsesRequest, body: responsesBody, events: responsesEvents, error: openAIError },
  '/v1/embeddings': { read: readEmbeddingsRequest, body: embeddingsBody, error: openAIError },
  '/v1/messages': { read: readMessagesRequest, body: messagesBody, events: messagesEvents, error: anthropicError },
};

const apiOf = ({ url = '' }: IncomingMessage): Api | undefined => {
  const path = url.split('?')[0] ?? '';
  return Object.hasOwn(apis, path) ? apis[path] : undefined;
};

/**
 * Starts a server on the loopback interface that speaks OpenAI's Chat Completions, Responses and Embeddings protocols and
 * Anthropic's Messages, streaming and not, and plays a script: a model for tests and demos, without a key and without a
 * network. Requests that the provider refuses (a tool call without its result, a result without its call) are refused with
 * 400, and output caps are kept.
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
    const api = apiOf(message);
    if (message.method !== 'POST' || !api)
      return sendError(response, openAIError, 404, `Unknown request URL: ${message.method} ${message.url}.`);
    const request = record(api.read(await readBody(message)), message);
    const gone = new AbortController();
    response.once('close', () => {
      request.aborted = !response.writableFinished;
      gone.abort();
    });
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const played = await script(request, request.turn);
    const reply = asReply(played, request);
    if (reply.delayMs) await sleep(reply.delayMs, undefined, { signal });
    const { fault } = reply;
    if (fault?.kind === 'status') {
      request.status = fault.status;
      const retryAfter = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
      return sendError(response, api.error, fault.status, fault.message ?? `Scripted status ${fault.status}.`, retryAfter);
    }
    const cut = fault?.kind === 'empty' ? undefined : cutReply(reply, request, request.index, tokenize);
    request.usage = cut?.usage;
    const facts: ReplyFacts = {
      index: request.index,
      model: reply.model ?? request.model,
      n: request.n,
      reportsUsage: reply.usage !== 'missing',
    };
    const events = request.stream ? api.events?.(cut, facts, request) : undefined;
    await sendReply({ response, request, reply, signal, error: api.error, body: api.body(cut, facts, request), events });
  };

  const server = createServer((message, response) => {
    // Whoever went away needs no answer; whatever else goes wrong is told to the client, so that a broken script is seen.
    answer(message, response).catch((error: unknown) => {
      if (response.destroyed || response.headersSent) return void response.destroy();
      if (error instanceof InvalidRequest) keep(refusals, error.message);
      const status = error instanceof InvalidRequest ? 400 : 500;
      sendError(response, apiOf(message)?.error ?? openAIError, status, error instanceof Error ? error.message : String(error), {
        'x-should-retry': 'false',
      });
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
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `${origin}/v1`, origin, requests, refusals, close, [Symbol.asyncDispose]: close };
}

/** An embedding has no words. */
function asReply(played: ScriptedReply | string, { api }: RecordedRequest): ScriptedReply {
  const reply = typeof played === 'string' ? { text: played } : played;
  return api === 'embeddings' ? { ...reply, text: '', toolCalls: [], reasoningTokens: 0 } : reply;
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

function sendError(response: ServerResponse, body: ErrorBody, status: number, message: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body(status, message)));
}
