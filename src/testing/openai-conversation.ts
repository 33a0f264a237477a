import { InvalidRequest, type WireMessage } from './openai-script.ts';

/** How a provider words its refusals of a conversation. */
export interface ConversationWords {
  readonly none: string;
  readonly resultWithoutCall: (id: string) => string;
  readonly callWithoutResult: (ids: string) => string;
}

const openAIWords: ConversationWords = {
  none: "Invalid 'messages': empty array. Expected an array with minimum length 1.",
  resultWithoutCall: (id) => `messages with role 'tool' must be a response to a preceding message with 'tool_calls' (${id}).`,
  callWithoutResult: (ids) =>
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. No response for: ${ids}`,
};

/**
 * Refuses a conversation that providers refuse: a tool's result without its call right before it, and a tool call without
 * its result right after it.
 */
export function checkConversation(messages: readonly WireMessage[], words: ConversationWords = openAIWords): void {
  if (messages.length === 0) throw new InvalidRequest(words.none);
  let open = new Set<string>();
  const demandResults = (): void => {
    if (open.size > 0) throw new InvalidRequest(words.callWithoutResult([...open].join(', ')));
  };
  for (const message of messages) {
    if (message.role === 'tool') {
      if (!open.delete(message.toolCallId ?? '')) throw new InvalidRequest(words.resultWithoutCall(message.toolCallId ?? ''));
      continue;
    }
    demandResults();
    open = new Set(message.toolCalls.map(({ id }) => id));
  }
  demandResults();
}

/** The text of a content, which may be a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => (isRecord(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('');
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const stringOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

export const recordsOf = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** An output cap, which OpenAI wants to be a positive integer. */
export function capOf(body: Readonly<Record<string, unknown>>, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = body[name];
    if (value === undefined || value === null) continue;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1) return value;
    throw new InvalidRequest(`Invalid '${name}': expected an integer of at least 1, got ${JSON.stringify(value)}.`);
  }
  return undefined;
}
