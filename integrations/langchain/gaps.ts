import { ToolMessage, type BaseMessage } from '@langchain/core/messages';
import type { MessageView } from 'holdfast';
import { messageView } from './message-views.ts';

const interrupted = 'The run was stopped before this call was finished. Its result is not known.';

const answered = (messages: readonly BaseMessage[]): Set<unknown> =>
  new Set(messages.map((message) => (message as { tool_call_id?: unknown }).tool_call_id));

/** A result for each tool call of a message that has none. */
function missingResults(message: BaseMessage, results: ReadonlySet<unknown>): ToolMessage[] {
  const { role, toolCalls = [] } = messageView(message);
  if (role !== 'assistant') return [];
  return toolCalls.flatMap(({ id, name }) =>
    id === undefined || results.has(id) ? [] : [new ToolMessage({ content: interrupted, tool_call_id: id, name, status: 'error' })],
  );
}

/** Whether each tool call is followed by its results: the rule, seen at a glance. */
function isWhole(views: readonly MessageView[]): boolean {
  let wanted = 0;
  for (const { role, toolCalls } of views) {
    if (role === 'tool') wanted -= 1;
    else if (wanted > 0) return false;
    else wanted = toolCalls?.length ?? 0;
  }
  return wanted <= 0;
}

/**
 * The history with a result for every tool call: an abort between a model's call and its tools leaves calls without one,
 * and providers refuse such a conversation. The same list where nothing is missing.
 */
export function closedGaps(messages: readonly BaseMessage[], views: readonly MessageView[]): readonly BaseMessage[] {
  if (isWhole(views)) return messages;
  const results = answered(messages);
  const closed: BaseMessage[] = [];
  let missing: ToolMessage[] = [];
  for (const message of messages) {
    if (message.getType() !== 'tool') {
      closed.push(...missing);
      missing = missingResults(message, results);
    }
    closed.push(message);
  }
  closed.push(...missing);
  return closed.length === messages.length ? messages : closed;
}

/** Results for the calls at the end of a thread that has none for them, unless the new input brings them. */
export function resultsMissingAtEnd(thread: readonly BaseMessage[], input: readonly unknown[]): ToolMessage[] {
  const lastAnswer = thread.findLast((message) => message.getType() !== 'tool');
  if (!lastAnswer) return [];
  return missingResults(lastAnswer, answered([...thread, ...(input as BaseMessage[])]));
}
