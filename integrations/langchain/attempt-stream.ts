import { concat } from '@langchain/core/utils/stream';
import { chunkWithoutToolCalls } from './last-words.ts';
import type { ModelAttempt } from './model-attempt.ts';
import { eventPieces, tokenPieces } from './stream-pieces.ts';

/** The pieces of a streamed call put together again. */
interface Whole {
  take(piece: unknown): void;
  message(): unknown;
}

function wholeOfChunks(): Whole {
  const chunks: unknown[] = [];
  return {
    take: (chunk) => void chunks.push(chunk),
    message: () => (chunks.length === 0 ? { content: '' } : chunks.reduce((all, chunk) => concat(all as never, chunk as never))),
  };
}

function wholeOfEvents(): Whole {
  let content = '';
  let usage: unknown;
  let metadata: unknown;
  return {
    take(event) {
      for (const { delta, channel } of eventPieces(event)) if (channel === 'text') content += delta;
      const told = event as { usage?: unknown; responseMetadata?: unknown };
      usage = told.usage ?? usage;
      metadata = told.responseMetadata ?? metadata;
    },
    message: () => ({ content, usage_metadata: usage, response_metadata: metadata }),
  };
}

/**
 * The stream of an attempt: each step of it runs inside the attempt, it is settled when it ends, and when the consumer
 * leaves early, for which LangChain has no event.
 */
export async function* attemptStream<T>(
  attempt: ModelAttempt,
  open: () => AsyncGenerator<T>,
  kind: 'chunks' | 'events' = 'chunks',
): AsyncGenerator<T> {
  const whole = kind === 'events' ? wholeOfEvents() : wholeOfChunks();
  const pieces = kind === 'events' ? eventPieces : (chunk: unknown) => tokenPieces('', chunk);
  const isSeenByCallbacks = kind === 'chunks' && attempt.callbacks !== undefined;
  const inner = attempt.within(open);
  let isOver = false;
  try {
    for (;;) {
      const next = await attempt.within(() => inner.next());
      if (next.done) break;
      whole.take(next.value);
      if (!isSeenByCallbacks) for (const { delta, channel } of pieces(next.value)) await attempt.stream(delta, channel);
      yield attempt.isClosing ? (chunkWithoutToolCalls(next.value) as T) : next.value;
    }
    isOver = true;
    await attempt.ended(whole.message());
  } catch (error) {
    isOver = true;
    await attempt.within(() => inner.return(undefined)).catch(() => {});
    throw await attempt.failed(error);
  } finally {
    if (!isOver) {
      await attempt.within(() => inner.return(undefined)).catch(() => {});
      await attempt.failed(new Error('the stream was left before its end'));
    }
  }
}
