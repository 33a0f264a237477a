import { checkConversation, isRecord, recordsOf, stringOr, textOf } from './openai-conversation.ts';
import { InvalidRequest, type WireMessage } from './openai-script.ts';

/**
 * Reads a conversation as Anthropic takes it, and refuses what Anthropic refuses: a first message that is not the user's, an
 * empty text, a tool's result that is not first in the message right after its call, and a call without its result.
 */
export function anthropicConversation(body: Readonly<Record<string, unknown>>): WireMessage[] {
  const messages: WireMessage[] = [];
  const system = textOf(body['system']);
  if (system !== '') messages.push({ role: 'system', text: system, toolCalls: [] });
  const sent = recordsOf(body['messages']);
  if (sent.length > 0 && sent[0]?.['role'] !== 'user') throw new InvalidRequest('messages: first message must use the "user" role');
  for (const [place, { role, content }] of sent.entries()) {
    const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : recordsOf(content);
    const isLast = place === sent.length - 1;
    if (parts.length === 0 && !(isLast && role === 'assistant'))
      throw new InvalidRequest(
        `messages.${place}: all messages must have non-empty content except for the optional final assistant message`,
      );
    if (parts.some(({ type, text }) => type === 'text' && text === ''))
      throw new InvalidRequest('messages: text content blocks must be non-empty');
    if (role === 'user') addUser(messages, parts, place);
    else if (role === 'assistant') addAssistant(messages, parts);
    else throw new InvalidRequest(`messages.${place}.role: Input should be 'user' or 'assistant'`);
  }
  checkConversation(messages, words);
  return messages;
}

type Part = Readonly<Record<string, unknown>>;

function addUser(messages: WireMessage[], parts: readonly Part[], place: number): void {
  const results = parts.filter(({ type }) => type === 'tool_result');
  if (parts.slice(0, results.length).some(({ type }) => type !== 'tool_result'))
    throw new InvalidRequest(`messages.${place}: tool_result blocks must come first in the content of a message`);
  for (const { tool_use_id: id, content } of results) {
    messages.push({ role: 'tool', text: textOf(content), toolCalls: [], toolCallId: stringOr(id, '') });
  }
  const others = parts.slice(results.length);
  if (others.length > 0) messages.push({ role: 'user', text: textOf(others), toolCalls: [] });
}

/** Messages of one side in a row are one message to Anthropic. */
function addAssistant(messages: WireMessage[], parts: readonly Part[]): void {
  const toolCalls = parts
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({ id: stringOr(id, ''), name: stringOr(name, ''), args: JSON.stringify(input ?? {}) }));
  const text = textOf(parts.filter((part) => isRecord(part) && part['type'] === 'text'));
  const last = messages.at(-1);
  if (last?.role === 'assistant')
    messages[messages.length - 1] = { ...last, text: last.text + text, toolCalls: [...last.toolCalls, ...toolCalls] };
  else messages.push({ role: 'assistant', text, toolCalls });
}

const words = {
  none: 'messages: at least one message is required',
  resultWithoutCall: (id: string): string =>
    `messages: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
  callWithoutResult: (ids: string): string =>
    `messages: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
};
