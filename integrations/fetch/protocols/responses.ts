import { reportedUsage, type CallEdits, type StreamChannel } from 'holdfast';
import { fieldsOf, countIn, numberIn, recordsOf, stringIn, textOf, type Json } from '../json.ts';
import { effortOf, modelOf, providerOf, resultOf, withTools } from './chat.ts';
import { openAIError } from './openai-error.ts';
import { event, type EventNews, type Finished, type GivenAnswer, type Protocol, type ReadRequest, type StreamReader } from './protocol.ts';
import { askedIn, editedInput, groupsOf, inputResults } from './responses-input.ts';

/** The provider takes no lower cap. */
const CAP_MIN = 16;

function read(body: Json, url: URL): ReadRequest {
  const effort = fieldsOf(body['reasoning'])['effort'];
  return {
    call: {
      kind: 'model',
      model: modelOf(body, url),
      provider: providerOf(url),
      messages: groupsOf(body).map(({ view }) => view),
      maxOutputTokens: countIn(body['max_output_tokens']),
      tools: Array.isArray(body['tools']) ? (body['tools'] as unknown[]) : undefined,
      outputSchema: fieldsOf(fieldsOf(body['text'])['format'])['schema'],
      reasoning: effortOf(effort),
      serviceTier: stringIn(body['service_tier']),
    },
    streams: body['stream'] === true,
    results: inputResults(body),
    previousId: stringIn(body['previous_response_id']),
    canEdit: ['model', 'maxOutputTokens', 'reasoning', 'tools', 'messages', 'answer'],
  };
}

function edited(body: Json, _request: ReadRequest, edits: CallEdits): Json {
  let made = edits.messages ? editedInput(body, edits.messages) : body;
  if (edits.model) made = { ...made, model: edits.model.name };
  if (edits.maxOutputTokens !== undefined) made = { ...made, max_output_tokens: Math.max(CAP_MIN, edits.maxOutputTokens) };
  if (edits.reasoning?.effort !== undefined)
    made = { ...made, reasoning: { ...fieldsOf(made['reasoning']), effort: edits.reasoning.effort } };
  return edits.tools ? withTools(made, edits.tools, ({ name, type }) => name ?? type) : made;
}

function finished(response: Json): Finished {
  const items = recordsOf(response['output']);
  const thinking = items
    .filter(({ type }) => type === 'reasoning')
    .map(({ summary, content }) => textOf(content) || textOf(summary))
    .join('');
  return {
    result: resultOf(
      items.map(({ type, content }) => (type === 'message' ? textOf(content) : '')).join(''),
      thinking,
      items.map(askedIn).filter((call) => call !== undefined),
      stringIn(response['model']),
    ),
    usage: reportedUsage(response['usage']),
    id: stringIn(response['id']),
  };
}

const channels: Readonly<Record<string, StreamChannel>> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'text',
  'response.function_call_arguments.delta': 'text',
  'response.custom_tool_call_input.delta': 'text',
  'response.mcp_call_arguments.delta': 'text',
  'response.reasoning_text.delta': 'thinking',
  'response.reasoning_summary_text.delta': 'thinking',
};

const lasts: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete', 'response.failed']);

function reader(): StreamReader {
  let response: Json = {};
  let number = 0;
  let [text, thinking] = ['', ''];
  const items: Json[] = [];
  return {
    take(data): EventNews {
      const said = fieldsOf(data);
      const { type, delta, item, sequence_number: at } = said;
      number = numberIn(at) ?? number;
      if (type === 'error') return { error: stringIn(said['message']) ?? 'the provider reported an error' };
      if (said['response'] !== undefined) response = fieldsOf(said['response']);
      if (type === 'response.output_item.done') items.push(fieldsOf(item));
      if (lasts.has(type)) {
        const failed = type === 'response.failed' ? (stringIn(fieldsOf(response['error'])['message']) ?? 'the response failed') : undefined;
        return { isLast: true, ...(failed === undefined ? {} : { error: failed }) };
      }
      const channel = channels[String(type)];
      const isAboutTools = String(type).includes('_call') || askedIn(fieldsOf(item)) !== undefined;
      if (!channel || typeof delta !== 'string' || delta === '') return { isAboutTools };
      if (channel === 'thinking') thinking += delta;
      else if (!isAboutTools) text += delta;
      return { isAboutTools, deltas: [{ text: delta, channel }] };
    },
    finished() {
      const whole = finished(recordsOf(response['output']).length > 0 ? response : { ...response, output: items });
      if (whole.result.text !== '' || whole.result.toolCalls) return whole;
      return { ...whole, result: { ...whole.result, text, ...(thinking === '' ? {} : { thinking }) } };
    },
    tail() {
      const output = [...items, ...(text === '' || items.length > 0 ? [] : [messageItem('msg_cut', text, 'incomplete')])];
      const cut = { ...response, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output };
      return event({ type: 'response.incomplete', sequence_number: number + 1, response: cut }, 'response.incomplete');
    },
  };
}

const messageItem = (id: string, text: string, status: string): Json => ({
  id,
  type: 'message',
  role: 'assistant',
  status,
  content: [{ type: 'output_text', text, annotations: [] }],
});

const noUsage = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

const responseOf = ({ id, model, createdAt }: GivenAnswer, status: string, output: readonly Json[]): Json => ({
  id: `resp_${id}`,
  object: 'response',
  created_at: Math.floor(createdAt / 1_000),
  status,
  error: null,
  incomplete_details: null,
  model,
  output,
  parallel_tool_calls: true,
  metadata: {},
  usage: status === 'completed' ? noUsage : null,
});

export const responses: Protocol = {
  read,
  edited,
  finished,
  reader,
  answer: (given) => responseOf(given, 'completed', [messageItem(`msg_${given.id}`, given.text, 'completed')]),
  answerStream(given) {
    let number = 0;
    const say = (type: string, fields: object): string => event({ type, sequence_number: number++, ...fields }, type);
    const item = messageItem(`msg_${given.id}`, given.text, 'completed');
    const at = { item_id: item['id'], output_index: 0, content_index: 0 };
    const part = { type: 'output_text', text: given.text, annotations: [] };
    const begun = responseOf(given, 'in_progress', []);
    return [
      say('response.created', { response: begun }),
      say('response.in_progress', { response: begun }),
      say('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } }),
      say('response.content_part.added', { ...at, part: { ...part, text: '' } }),
      say('response.output_text.delta', { ...at, delta: given.text }),
      say('response.output_text.done', { ...at, text: given.text }),
      say('response.content_part.done', { ...at, part }),
      say('response.output_item.done', { output_index: 0, item }),
      say('response.completed', { response: responseOf(given, 'completed', [item]) }),
    ].join('');
  },
  withoutTools: (response) => ({ ...response, output: recordsOf(response['output']).filter((item) => !askedIn(item)) }),
  eventWithoutTools: (text) => text,
  error: openAIError,
};
