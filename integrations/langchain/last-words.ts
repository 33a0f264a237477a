import { AIMessage, AIMessageChunk } from '@langchain/core/messages';
import type { LLMResult } from '@langchain/core/outputs';

/** The last answer of a run asks for nothing more, whatever the model says. */
export function withoutToolCalls<M>(message: M): M | AIMessage {
  if (!AIMessage.isInstance(message) || !((message.tool_calls?.length ?? 0) > 0 || (message.invalid_tool_calls?.length ?? 0) > 0))
    return message;
  const { id, usage_metadata: usage } = message;
  return new AIMessage({
    content: message.text,
    response_metadata: message.response_metadata,
    ...(id === undefined ? {} : { id }),
    ...(usage ? { usage_metadata: usage } : {}),
  });
}

/** The same of a whole result. */
export const resultWithoutToolCalls = (result: LLMResult): LLMResult => ({
  ...result,
  generations: result.generations.map((each) =>
    each.map((generation) =>
      'message' in generation ? { ...generation, message: withoutToolCalls((generation as { message: unknown }).message) } : generation,
    ),
  ),
});

/** The same of a piece of a stream. */
export function chunkWithoutToolCalls<T>(chunk: T): T | AIMessageChunk {
  if (!AIMessageChunk.isInstance(chunk) || !chunk.tool_call_chunks?.length) return chunk;
  const { id, usage_metadata: usage } = chunk;
  return new AIMessageChunk({
    content: chunk.text,
    response_metadata: chunk.response_metadata,
    ...(id === undefined ? {} : { id }),
    ...(usage ? { usage_metadata: usage } : {}),
  });
}
