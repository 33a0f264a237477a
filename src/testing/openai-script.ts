/** What the script says for one request: everything that is absent takes the plain way. */
export interface ScriptedReply {
  /** The model's answer. */
  readonly text?: string;
  /** The tools that the model asks for, all at once. `args` may be a string, to send broken JSON. */
  readonly toolCalls?: readonly { readonly name: string; readonly args?: unknown; readonly id?: string }[];
  /** Output tokens that were spent on thinking before the answer. They count against the output cap first. */
  readonly reasoningTokens?: number;
  /** The part of the input that came from the provider's cache. */
  readonly cachedInputTokens?: number;
  /** The part of the input that was written to the provider's cache. Anthropic alone reports it. */
  readonly cacheWriteTokens?: number;
  /** `missing` leaves the usage out; figures replace the counted ones, so that `{ inputTokens: 0, outputTokens: 0 }` is an explicit zero. */
  readonly usage?: 'missing' | Partial<ReportedUsage>;
  /** The model that the response says answered. Default: the one that was asked. */
  readonly model?: string;
  /** Time before the first byte, in milliseconds. */
  readonly delayMs?: number;
  /** Time between two pieces of a stream, in milliseconds. */
  readonly pieceDelayMs?: number;
  readonly fault?: ReplyFault;
}

/** What goes wrong with a reply. */
export type ReplyFault =
  /** An error status instead of an answer. */
  | { readonly kind: 'status'; readonly status: number; readonly message?: string; readonly retryAfterSeconds?: number }
  /** The connection breaks, after so many pieces of a stream (default 0: before the first byte). */
  | { readonly kind: 'reset'; readonly afterPieces?: number }
  /** Nothing more comes, after so many pieces of a stream (default 0), until the client or the server gives up. */
  | { readonly kind: 'hang'; readonly afterPieces?: number }
  /** A reply without a single choice or output item; a stream that ends at once. */
  | { readonly kind: 'empty' }
  /** A stream that ends in order, but too early: after so many pieces (default 0). A reply that does not stream is whole. */
  | { readonly kind: 'cutOff'; readonly afterPieces?: number }
  /** What comes is no JSON: from so many pieces of a stream on (default 0), or the whole body. */
  | { readonly kind: 'garbled'; readonly afterPieces?: number }
  /** The provider reports an error in the middle of a stream, after so many pieces (default 0). Without a stream: a 500. */
  | { readonly kind: 'streamError'; readonly afterPieces?: number; readonly message?: string };

/** The usage that a response reports, in tokens. Cached input is part of the input, reasoning part of the output. */
export interface ReportedUsage {
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Part of the input, too. Only where the script tells of it. */
  readonly cacheWriteTokens?: number;
}

/** A message of the conversation as it came over the wire, the same for all protocols. */
export interface WireMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly args: string }[];
  /** For a tool's result: the call that it answers. */
  readonly toolCallId?: string | undefined;
}

/** A request as the server saw it. */
export interface WireRequest {
  readonly api: 'chat' | 'responses' | 'messages' | 'embeddings';
  readonly model: string;
  readonly messages: readonly WireMessage[];
  /** Names of the tools that were offered. */
  readonly tools: readonly string[];
  /** The output cap that was sent, under whichever of its names. */
  readonly maxOutputTokens: number | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** How many answers were asked for. */
  readonly n: number;
  readonly reasoningEffort: string | undefined;
  /** The body as it came. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A request with its number and what became of it. */
export interface RecordedRequest extends WireRequest {
  /** Number of the request at this server, from 0. */
  readonly index: number;
  /** How often the model has answered in this conversation before: 0 for the first call. Retries have the same turn. */
  readonly turn: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The status that was sent; undefined while the script thinks or when nothing was sent. */
  status: number | undefined;
  /** The usage that was counted, whether or not it was reported. */
  usage: ReportedUsage | undefined;
  /** Whether the client went away before the reply was complete. */
  aborted: boolean;
}

/** Decides the reply. A string is a text. `turn` is `request.turn`. */
export type OpenAIScript = (request: RecordedRequest, turn: number) => ScriptedReply | string | Promise<ScriptedReply | string>;

/** Why a request is not valid; becomes a 400 as the provider sends it. */
export class InvalidRequest extends Error {}
