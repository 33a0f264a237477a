import type { StreamChannel } from 'holdfast';
import { recordsOf, textOf, thinkingOf } from './message-views.ts';

/** A piece of a model's output as it streams. */
export interface StreamPiece {
  readonly delta: string;
  readonly channel: StreamChannel;
}

/** The pieces in a new token and its chunk (a generation's or a message's). */
export function* tokenPieces(token: string, chunk: unknown): Generator<StreamPiece> {
  const message = (chunk as { message?: unknown } | undefined)?.message ?? chunk;
  const { content, tool_call_chunks: calls } = (message ?? {}) as { content?: unknown; tool_call_chunks?: unknown };
  yield* piece(token === '' ? textOf(content) : token, 'text');
  yield* piece(thinkingOf(message ?? {}), 'thinking');
  // The arguments of a tool call are output like any other: they are billed, and a runaway can be in them too.
  for (const { args } of recordsOf(calls)) yield* piece(args, 'text');
}

/** The pieces in an event of LangChain's newer streaming protocol. */
export function* eventPieces(event: unknown): Generator<StreamPiece> {
  const { text, reasoning, args } = (event as { delta?: Record<string, unknown> } | undefined)?.delta ?? {};
  yield* piece(text, 'text');
  yield* piece(reasoning, 'thinking');
  yield* piece(args, 'text');
}

function* piece(delta: unknown, channel: StreamChannel): Generator<StreamPiece> {
  if (typeof delta === 'string' && delta !== '') yield { delta, channel };
}
