import type { ReplyFacts } from './openai-chat.ts';
import { capOf, checkConversation, isRecord, recordsOf, stringOr, textOf } from './openai-conversation.ts';
import { InvalidRequest, type ReportedUsage, type WireMessage, type WireRequest } from './openai-script.ts';
import type { CutReply } from './openai-tokens.ts';

/** Reads a request of the Responses API; throws InvalidRequest for what OpenAI refuses. */
export function readResponsesRequest(body: Record<string, unknown>): WireRequest {
  if (body['previous_response_id']) throw new InvalidRequest('previous_response_id: this server keeps no responses; send the whole input.');
  const { input, instructions } = body;
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : recordsOf(input);
  const messages = typeof instructions === 'string' ? [message('system', instructions)] : [];
  for (const item of items) addItem(messages, item);
  checkConversation(messages);
  const reasoning = body['reasoning'];
  return {
    api: 'responses',
    model: stringOr(body['model'], ''),
    messages,
    tools: recordsOf(body['tools']).map((tool) => stringOr(tool['name'], stringOr(tool['type'], ''))),
    maxOutputTokens: capOf(body, ['max_output_tokens']),
    stream: body['stream'] === true,
    includeUsage: true,
    n: 1,
    reasoningEffort: isRecord(reasoning) && typeof reasoning['effort'] === 'string' ? reasoning['effort'] : undefined,
    body,
  };
}

const message = (role: WireMessage['role'], text: string): WireMessage => ({ role, text, toolCalls: [] });

/** Items of one answer (its text, each of its calls) are one message of the conversation. */
function addItem(messages: WireMessage[], item: Record<string, unknown>): void {
  const last = messages.at(-1);
  if (item['type'] === 'reasoning') return;
  if (item['type'] === 'function_call') {
    const call = { id: stringOr(item['call_id'], ''), name: stringOr(item['name'], ''), args: stringOr(item['arguments'], '') };
    if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, toolCalls: [...last.toolCalls, call] };
    else messages.push({ ...message('assistant', ''), toolCalls: [call] });
  } else if (item['type'] === 'function_call_output') {
    messages.push({ ...message('tool', textOf(item['output'])), toolCallId: stringOr(item['call_id'], '') });
  } else {
    const role = stringOr(item['role'], '');
    if (!['system', 'developer', 'user', 'assistant'].includes(role))
      throw new InvalidRequest(`Invalid input item of type '${String(item['type'])}'.`);
    messages.push(message(role === 'developer' ? 'system' : (role as WireMessage['role']), textOf(item['content'])));
  }
}

/** The whole answer at once. */
export function responsesBody(reply: CutReply | undefined, facts: ReplyFacts): unknown {
  return response(reply, facts, reply ? outputItems(reply, facts).map(({ item }) => item) : []);
}

/** The answer as the events of a stream, in the order in which OpenAI sends them. */
export function* responsesEvents(reply: CutReply | undefined, facts: ReplyFacts): Generator<unknown> {
  let number = 0;
  const event = (type: string, fields: object): unknown => ({ type, sequence_number: number++, ...fields });
  const begun = { ...response(undefined, facts, []), status: 'in_progress' };
  yield event('response.created', { response: begun });
  if (!reply) return;
  yield event('response.in_progress', { response: begun });
  const items = outputItems(reply, facts);
  for (const [output_index, { item, begin, pieces }] of items.entries()) {
    const item_id = item.id;
    yield event('response.output_item.added', { output_index, item: begin });
    if (item.type === 'message') {
      const at = { item_id, output_index, content_index: 0 };
      yield event('response.content_part.added', { ...at, part: { type: 'output_text', text: '', annotations: [] } });
      for (const delta of pieces) yield event('response.output_text.delta', { ...at, delta });
      yield event('response.output_text.done', { ...at, text: pieces.join('') });
      yield event('response.content_part.done', { ...at, part: { type: 'output_text', text: pieces.join(''), annotations: [] } });
    } else if (item.type === 'function_call') {
      for (const delta of pieces) yield event('response.function_call_arguments.delta', { item_id, output_index, delta });
      yield event('response.function_call_arguments.done', { item_id, output_index, arguments: pieces.join('') });
    }
    yield event('response.output_item.done', { output_index, item });
  }
  const whole = response(
    reply,
    facts,
    items.map(({ item }) => item),
  );
  yield event(reply.isCut ? 'response.incomplete' : 'response.completed', { response: whole });
}

interface OutputItem {
  readonly item: { readonly id: string; readonly type: string; readonly [field: string]: unknown };
  /** The item as a stream announces it. */
  readonly begin: object;
  readonly pieces: readonly string[];
}

function outputItems({ textPieces, toolCalls, isCut, usage }: CutReply, { index }: ReplyFacts): OutputItem[] {
  const items: OutputItem[] = [];
  if (usage.reasoningTokens > 0) {
    const item = { id: `rs_${index}`, type: 'reasoning', summary: [] };
    items.push({ item, begin: item, pieces: [] });
  }
  const status = isCut ? 'incomplete' : 'completed';
  if (textPieces.length > 0) {
    const begin = { id: `msg_${index}`, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const content = [{ type: 'output_text', text: textPieces.join(''), annotations: [] }];
    items.push({ item: { ...begin, status, content }, begin, pieces: textPieces });
  }
  for (const [place, { id, name, argsPieces }] of toolCalls.entries()) {
    const begin = { id: `fc_${index}_${place}`, type: 'function_call', call_id: id, name, arguments: '', status: 'in_progress' };
    items.push({ item: { ...begin, status, arguments: argsPieces.join('') }, begin, pieces: argsPieces });
  }
  return items;
}

const response = (reply: CutReply | undefined, { index, model, reportsUsage }: ReplyFacts, output: readonly object[]): object => ({
  id: `resp_${index}`,
  object: 'response',
  created_at: 1_700_000_000 + index,
  status: reply?.isCut ? 'incomplete' : 'completed',
  error: null,
  incomplete_details: reply?.isCut ? { reason: 'max_output_tokens' } : null,
  model,
  output,
  parallel_tool_calls: true,
  metadata: {},
  usage: reply && reportsUsage ? responsesUsage(reply.usage) : null,
});

const responsesUsage = (usage: ReportedUsage): object => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: { cached_tokens: usage.cachedInputTokens },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens,
});
