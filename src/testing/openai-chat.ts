import { capOf, checkConversation, isRecord, recordsOf, stringOr, textOf } from './openai-conversation.ts';
import { InvalidRequest, type ReportedUsage, type WireMessage, type WireRequest } from './openai-script.ts';
import type { CutReply } from './openai-tokens.ts';

/** Where a reply stands: who answers, and under which number. */
export interface ReplyFacts {
  readonly index: number;
  readonly model: string;
  readonly n: number;
  readonly reportsUsage: boolean;
}

/** Reads a request of the Chat Completions API; throws InvalidRequest for what OpenAI refuses. */
export function readChatRequest(body: Record<string, unknown>): WireRequest {
  const messages = recordsOf(body['messages']).map(readMessage);
  checkConversation(messages);
  const options = body['stream_options'];
  return {
    api: 'chat',
    model: stringOr(body['model'], ''),
    messages,
    tools: recordsOf(body['tools']).map((tool) => (isRecord(tool['function']) ? stringOr(tool['function']['name'], '') : '')),
    maxOutputTokens: capOf(body, ['max_completion_tokens', 'max_tokens']),
    stream: body['stream'] === true,
    includeUsage: isRecord(options) && options['include_usage'] === true,
    n: typeof body['n'] === 'number' ? body['n'] : 1,
    reasoningEffort: typeof body['reasoning_effort'] === 'string' ? body['reasoning_effort'] : undefined,
    body,
  };
}

const roles: Record<string, WireMessage['role']> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
};

function readMessage(message: Record<string, unknown>): WireMessage {
  const role = roles[stringOr(message['role'], '')];
  if (!role) throw new InvalidRequest(`Invalid value: '${String(message['role'])}'. Supported roles: ${Object.keys(roles).join(', ')}.`);
  const toolCalls = recordsOf(message['tool_calls']).map(({ id, function: called }) => {
    const { name, arguments: args } = isRecord(called) ? called : {};
    return { id: stringOr(id, ''), name: stringOr(name, ''), args: stringOr(args, '') };
  });
  const toolCallId = typeof message['tool_call_id'] === 'string' ? message['tool_call_id'] : undefined;
  return { role, text: textOf(message['content']), toolCalls, toolCallId };
}

/** The whole answer at once. */
export function chatBody(reply: CutReply | undefined, facts: ReplyFacts): unknown {
  const text = reply?.textPieces.join('') ?? '';
  const toolCalls = reply?.toolCalls.map(({ id, name, argsPieces }) => ({
    id,
    type: 'function',
    function: { name, arguments: argsPieces.join('') },
  }));
  const message = {
    role: 'assistant',
    content: text === '' ? null : text,
    refusal: null,
    ...(toolCalls?.length ? { tool_calls: toolCalls } : {}),
  };
  const choices = reply
    ? Array.from({ length: facts.n }, (_, index) => ({ index, message, logprobs: null, finish_reason: finishReason(reply) }))
    : [];
  return { ...head(facts, 'chat.completion'), choices, ...(reply && facts.reportsUsage ? { usage: chatUsage(reply.usage) } : {}) };
}

/** The answer as the events of a stream, `[DONE]` included. */
export function* chatEvents(reply: CutReply | undefined, facts: ReplyFacts, request: WireRequest): Generator<unknown> {
  const chunk = (choices: unknown[], more: object = {}): unknown => ({ ...head(facts, 'chat.completion.chunk'), choices, ...more });
  if (reply) {
    for (let index = 0; index < facts.n; index += 1) {
      const piece = (delta: object, finish_reason: string | null = null): unknown =>
        chunk([{ index, delta, logprobs: null, finish_reason }]);
      yield piece({ role: 'assistant', content: '' });
      for (const content of reply.textPieces) yield piece({ content });
      for (const [place, { id, name, argsPieces }] of reply.toolCalls.entries()) {
        yield piece({ tool_calls: [{ index: place, id, type: 'function', function: { name, arguments: '' } }] });
        for (const args of argsPieces) yield piece({ tool_calls: [{ index: place, function: { arguments: args } }] });
      }
      yield piece({}, finishReason(reply));
    }
    if (request.includeUsage && facts.reportsUsage) yield chunk([], { usage: chatUsage(reply.usage) });
  }
  yield '[DONE]';
}

const head = ({ index, model }: ReplyFacts, object: string): object => ({
  id: `chatcmpl-${index}`,
  object,
  created: 1_700_000_000 + index,
  model,
});

const finishReason = (reply: CutReply): string => (reply.isCut ? 'length' : reply.toolCalls.length > 0 ? 'tool_calls' : 'stop');

const chatUsage = (usage: ReportedUsage): object => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens, audio_tokens: 0 },
});
