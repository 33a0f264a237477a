import { ToolMessage, type BaseMessage } from '@langchain/core/messages';
import { toolCallsOf } from './message-views.ts';

const interrupted = 'The run was stopped before this call was finished. Its result is not known.';

const answered = (messages: readonly BaseMessage[]): Set<unknown> =>
  new Set(messages.map((message) => (message as { tool_call_id?: unknown }).tool_call_id));

/** A result for each tool call of a message that has none. */
function missingResults(message: BaseMessage, results: ReadonlySet<unknown>): ToolMessage[] {
  if (message.getType() !== 'ai') return [];
  return toolCallsOf(message).flatMap(({ id, name }) =>
    id === undefined || results.has(id) ? [] : [new ToolMessage({ content: interrupted, tool_call_id: id, name, status: 'error' })],
  );
}

/**
 * The history with a result for every tool call: an abort between a model's call and its tools leaves calls without one,
 * and providers refuse such a conversation. The same list where nothing is missing.
 */
export function closedGaps(messages: readonly BaseMessage[]): readonly BaseMessage[] {
  let results: Set<unknown> | undefined;
  const closed: BaseMessage[] = [];
  let missing: ToolMessage[] = [];
  let isChanged = false;
  for (const message of messages) {
    if (missing.length > 0 && message.getType() !== 'tool') closed.push(...missing.splice(0));
    closed.push(message);
    if (toolCallsOf(message).length === 0) continue;
    missing = missingResults(message, (results ??= answered(messages)));
    isChanged ||= missing.length > 0;
  }
  closed.push(...missing);
  return isChanged ? closed : messages;
}

/** Results for the calls at the end of a thread that has none for them, unless the new input brings them. */
export function resultsMissingAtEnd(thread: readonly BaseMessage[], input: readonly unknown[]): ToolMessage[] {
  const lastAnswer = thread.findLast((message) => message.getType() !== 'tool');
  if (!lastAnswer) return [];
  return missingResults(lastAnswer, answered([...thread, ...(input as BaseMessage[])]));
}
