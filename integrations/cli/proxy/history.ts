import { hash } from 'node:crypto';
import type { Route } from './routes.ts';

/** The conversation that a request carries, as hashes: never its words. */
export interface History {
  /** One hash for each beginning of the conversation, from the first message to all of them. */
  readonly prints: readonly string[];
  /** A hash of the standing instructions, which may change from request to request. */
  readonly instructions: string;
  /** The newest message is one of the user's own words, not a tool's result. */
  readonly endsWithUser: boolean;
  /** The response that it goes on from, where the provider keeps the conversation. */
  readonly previous: string | undefined;
}

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

const withoutCacheMarks = (key: string, value: unknown): unknown => (key === 'cache_control' ? undefined : value);

/**
 * The history of a request of one owner. Standing instructions are left out of the chain: some tell the time of day, and the
 * conversation is the same one all the same. So are cache marks, which move on as it grows; `hasCacheMarks` is false where the
 * body is known to have none.
 */
export function historyOf(api: Route['api'], body: Json, owner: string, hasCacheMarks = true): History | undefined {
  const messages = messagesOf(api, body);
  if (!messages) return undefined;
  const prints: string[] = [];
  let instructions = JSON.stringify(body['system'] ?? body['instructions'] ?? '');
  let last = owner;
  for (const message of messages) {
    // A replacer is called for everything in a message: it costs more than all the rest.
    const text = (hasCacheMarks ? JSON.stringify(message, withoutCacheMarks) : JSON.stringify(message)) ?? 'null';
    if (isInstruction(message)) {
      instructions += text;
      continue;
    }
    last = hash('sha256', last + text, 'base64');
    prints.push(last);
  }
  const previous = body['previous_response_id'];
  return {
    prints,
    instructions: hash('sha256', instructions, 'base64'),
    endsWithUser: isUsersWords(messages.at(-1)),
    previous: typeof previous === 'string' && previous.length <= 256 ? previous : undefined,
  };
}

function messagesOf(api: Route['api'], { messages, input }: Json): readonly unknown[] | undefined {
  if (api === 'chat' || api === 'messages') return Array.isArray(messages) ? messages : [];
  if (api === 'responses') return Array.isArray(input) ? input : [{ role: 'user', content: input }];
  return undefined;
}

const roleOf = (message: unknown): unknown => (typeof message === 'object' && message !== null ? (message as Json)['role'] : undefined);

const isInstruction = (message: unknown): boolean => roleOf(message) === 'system' || roleOf(message) === 'developer';

function isUsersWords(message: unknown): boolean {
  if (roleOf(message) !== 'user') return false;
  const { content } = message as { content?: unknown };
  // Anthropic's clients send tool results in the user's name.
  return !Array.isArray(content) || !content.some((part) => (part as Json | null)?.['type'] === 'tool_result');
}
