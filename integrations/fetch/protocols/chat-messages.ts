import type { MessageEdit, MessageView, ToolCallView } from 'holdfast';
import { fieldsOf, parsedArgs, recordsOf, stringIn, textOf, withTextIn, type Json } from '../json.ts';
import { mediaOf } from './media.ts';
import type { ToolOutcome } from './protocol.ts';

const roles: Readonly<Record<string, MessageView['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
};

/** The tool calls in a message of Chat Completions. */
export const chatToolCalls = (message: Json): ToolCallView[] =>
  recordsOf(message['tool_calls']).map((call) => {
    const { name, arguments: args, input } = fieldsOf(call['function'] ?? call['custom']);
    return { name: stringIn(name) ?? '', args: parsedArgs(args ?? input), id: stringIn(call['id']) };
  });

/** A message as the core sees it. `ref` is the message itself. */
export function chatView(message: Json): MessageView {
  const media = mediaOf(message['content']);
  const toolCalls = chatToolCalls(message);
  const toolCallId = stringIn(message['tool_call_id']);
  const name = stringIn(message['name']);
  return {
    role: roles[stringIn(message['role']) ?? ''] ?? 'user',
    text: textOf(message['content']),
    ...(media.length > 0 ? { media } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(toolCallId === undefined ? {} : { toolCallId }),
    ...(name === undefined ? {} : { name }),
    ref: message,
  };
}

/** The results with which a conversation ends. */
export function chatResults(messages: readonly Json[]): ToolOutcome[] {
  const first = messages.findLastIndex(({ role }) => role !== 'tool') + 1;
  return messages.slice(first).map((message) => ({
    id: stringIn(message['tool_call_id']) ?? '',
    output: textOf(message['content']),
    isError: false,
  }));
}

/** The messages as the edits leave them: a kept one is sent as it came. */
export function editedChat(messages: readonly Json[], edits: readonly MessageEdit[]): Json[] {
  return edits.flatMap((edit) => {
    if (edit.kind === 'insert') return [{ role: edit.role, content: edit.text }];
    const message = messages[edit.index];
    if (!message) return [];
    return [edit.kind === 'keep' ? message : { ...message, content: withTextIn(message['content'], edit.text) }];
  });
}
