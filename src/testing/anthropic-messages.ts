import { anthropicConversation } from './anthropic-conversation.ts';
import type { ReplyFacts } from './openai-chat.ts';
import { capOf, isRecord, recordsOf, stringOr } from './openai-conversation.ts';
import { InvalidRequest, type ReportedUsage, type WireRequest } from './openai-script.ts';
import type { CutReply } from './openai-tokens.ts';

/** Reads a request of Anthropic's Messages API; throws InvalidRequest for what Anthropic refuses. */
export function readMessagesRequest(body: Record<string, unknown>): WireRequest {
  const maxOutputTokens = capOf(body, ['max_tokens']);
  if (maxOutputTokens === undefined) throw new InvalidRequest('max_tokens: Field required');
  const thinking = body['thinking'];
  if (isRecord(thinking) && thinking['type'] === 'enabled') checkBudget(thinking['budget_tokens'], maxOutputTokens);
  const output = body['output_config'];
  return {
    api: 'messages',
    model: stringOr(body['model'], ''),
    messages: anthropicConversation(body),
    tools: isNone(body['tool_choice']) ? [] : recordsOf(body['tools']).map((tool) => stringOr(tool['name'], '')),
    maxOutputTokens,
    stream: body['stream'] === true,
    includeUsage: true,
    n: 1,
    reasoningEffort: isRecord(output) && typeof output['effort'] === 'string' ? output['effort'] : undefined,
    body,
  };
}

/** Tools may stay in a request, whose conversation has calls of them, although none may be called any more. */
const isNone = (choice: unknown): boolean => isRecord(choice) && choice['type'] === 'none';

function checkBudget(budget: unknown, maxOutputTokens: number): void {
  if (typeof budget !== 'number' || budget < 1_024)
    throw new InvalidRequest('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  if (budget >= maxOutputTokens) throw new InvalidRequest('`max_tokens` must be greater than `thinking.budget_tokens`.');
}

/** The whole answer at once. */
export function messagesBody(reply: CutReply | undefined, facts: ReplyFacts): unknown {
  const content = reply ? blocksOf(reply).map(({ block }) => block) : [];
  const usage = reply && facts.reportsUsage ? { usage: messagesUsage(reply.usage) } : {};
  return { ...head(facts), content, stop_reason: reply ? stopReason(reply) : 'end_turn', stop_sequence: null, ...usage };
}

/** The answer as the events of a stream, in the order in which Anthropic sends them. */
export function* messagesEvents(reply: CutReply | undefined, facts: ReplyFacts): Generator<unknown> {
  if (!reply) return;
  const begun = facts.reportsUsage ? { usage: { ...messagesUsage(reply.usage), output_tokens: 1 } } : {};
  yield { type: 'message_start', message: { ...head(facts), content: [], stop_reason: null, stop_sequence: null, ...begun } };
  yield { type: 'ping' };
  for (const [index, { begin, deltas }] of blocksOf(reply).entries()) {
    yield { type: 'content_block_start', index, content_block: begin };
    for (const delta of deltas) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  const usage = facts.reportsUsage ? { usage: messagesUsage(reply.usage) } : {};
  yield { type: 'message_delta', delta: { stop_reason: stopReason(reply), stop_sequence: null }, ...usage };
  yield { type: 'message_stop' };
}

interface Block {
  readonly block: object;
  /** The block as a stream announces it, and what comes then. */
  readonly begin: object;
  readonly deltas: readonly object[];
}

function blocksOf({ textPieces, toolCalls, usage }: CutReply): Block[] {
  const blocks: Block[] = [];
  if (usage.reasoningTokens > 0) {
    const [thinking, signature] = ['Let me think.', 'c2lnbmVk'];
    blocks.push({
      block: { type: 'thinking', thinking, signature },
      begin: { type: 'thinking', thinking: '', signature: '' },
      deltas: [
        { type: 'thinking_delta', thinking },
        { type: 'signature_delta', signature },
      ],
    });
  }
  if (textPieces.length > 0) {
    blocks.push({
      block: { type: 'text', text: textPieces.join('') },
      begin: { type: 'text', text: '' },
      deltas: textPieces.map((text) => ({ type: 'text_delta', text })),
    });
  }
  for (const { id, name, argsPieces } of toolCalls) {
    const begin = { type: 'tool_use', id, name, input: {} };
    blocks.push({
      block: { ...begin, input: parsed(argsPieces.join('')) },
      begin,
      deltas: argsPieces.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    });
  }
  return blocks;
}

/** Anthropic sends arguments as an object: broken ones come only through a stream. */
function parsed(args: string): unknown {
  try {
    return JSON.parse(args);
  } catch {
    return {};
  }
}

const head = ({ index, model }: ReplyFacts): object => ({ id: `msg_${index}`, type: 'message', role: 'assistant', model });

const stopReason = (reply: CutReply): string => (reply.isCut ? 'max_tokens' : reply.toolCalls.length > 0 ? 'tool_use' : 'end_turn');

/** What came from the cache or went there is not in `input_tokens`. */
const messagesUsage = ({ inputTokens, cachedInputTokens, cacheWriteTokens = 0, outputTokens }: ReportedUsage): object => ({
  input_tokens: Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens),
  cache_read_input_tokens: cachedInputTokens,
  cache_creation_input_tokens: cacheWriteTokens,
  output_tokens: outputTokens,
});
