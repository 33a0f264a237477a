import type { StepResult } from 'holdfast';
import type { Built } from './built.ts';
import { recordsOf, textOf, thinkingOf, toolCallsOf } from './message-views.ts';

/** A model's answer as detectors and reports want it. `message` is an `AIMessage` or a chunk. */
export function modelResult(message: unknown): StepResult {
  const { content, response_metadata: response } = message as { content?: unknown; response_metadata?: Record<string, unknown> };
  const toolCalls = toolCallsOf(message);
  const thinking = thinkingOf(message);
  const model = response?.['model_name'] ?? response?.['model'];
  const result: Built<StepResult> = { output: message, text: textOf(content) };
  if (thinking !== '') result.thinking = thinking;
  if (toolCalls.length > 0) result.toolCalls = toolCalls;
  if (typeof model === 'string') result.model = model;
  return result;
}

/**
 * A tool's answer as detectors want it: the content alone, for the message around it has an id that is new each time.
 * A list of messages or a command that carries one counts by its newest message.
 */
export function toolResult(output: unknown): StepResult {
  const message = messageIn(output);
  if (!message) return { output };
  return { output: message['content'], isError: message['status'] === 'error' };
}

function messageIn(output: unknown): Record<string, unknown> | undefined {
  if (typeof output !== 'object' || output === null) return undefined;
  if ('content' in output && 'tool_call_id' in output) return output;
  const update = (output as { update?: unknown }).update;
  const messages = Array.isArray(output) ? output : (update as { messages?: unknown } | undefined)?.messages;
  return recordsOf(messages).findLast((each) => 'content' in each && 'tool_call_id' in each);
}
