import { reportedUsage, type CallEdits, type ReasoningSettings, type StepResult } from 'holdfast';
import { fieldsOf, countIn, numberIn, parsedArgs, recordsOf, stringIn, textOf, without, type Json } from '../json.ts';
import { effortOf, modelOf, providerOf, resultOf, withTools } from './chat.ts';
import { editedHistory, lastResults, piecesOf } from './messages-history.ts';
import { event, type EventNews, type Finished, type GivenAnswer, type Protocol, type ReadRequest, type StreamReader } from './protocol.ts';

/** The provider takes no smaller thinking budget, and wants the cap to be above it. */
const THINKING_MIN = 1_024;

function reasoningOf(body: Json): ReasoningSettings | undefined {
  const { type, budget_tokens: budget } = fieldsOf(body['thinking']);
  const effort = effortOf(fieldsOf(body['output_config'])['effort']);
  const maxTokens = type === 'enabled' ? countIn(budget) : undefined;
  return effort || maxTokens !== undefined ? { ...effort, ...(maxTokens === undefined ? {} : { maxTokens }) } : undefined;
}

function read(body: Json, url: URL): ReadRequest {
  return {
    call: {
      kind: 'model',
      model: modelOf(body, url),
      provider: providerOf(url),
      messages: piecesOf(body).map(({ view }) => view),
      maxOutputTokens: countIn(body['max_tokens']),
      tools: Array.isArray(body['tools']) ? (body['tools'] as unknown[]) : undefined,
      reasoning: reasoningOf(body),
      serviceTier: stringIn(body['service_tier']),
    },
    streams: body['stream'] === true,
    results: lastResults(body),
    previousId: undefined,
    canEdit: ['model', 'maxOutputTokens', 'reasoning', 'tools', 'messages', 'answer'],
  };
}

function edited(body: Json, _request: ReadRequest, edits: CallEdits): Json {
  let made = edits.messages ? editedHistory(body, edits.messages) : body;
  if (edits.model) made = { ...made, model: edits.model.name };
  if (edits.reasoning) made = withReasoning(made, edits.reasoning);
  if (edits.maxOutputTokens !== undefined) made = withCap(made, edits.maxOutputTokens);
  return edits.tools ? withToolsLeft(made, edits.tools) : made;
}

function withReasoning(body: Json, { effort, maxTokens }: ReasoningSettings): Json {
  let made = body;
  const thinking = fieldsOf(body['thinking']);
  if (thinking['type'] === 'enabled') {
    if (effort === 'none' || (maxTokens !== undefined && maxTokens < THINKING_MIN)) made = without(made, 'thinking');
    else if (maxTokens !== undefined) made = { ...made, thinking: { ...thinking, budget_tokens: maxTokens } };
  }
  const output = fieldsOf(made['output_config']);
  if (output['effort'] === undefined || effort === undefined) return made;
  const known = effort === 'none' || effort === 'minimal' ? 'low' : effort;
  return { ...made, output_config: { ...output, effort: known } };
}

/** Thinking is paid for out of the cap: it is made to fit, or left out. */
function withCap(body: Json, maxTokens: number): Json {
  const made = { ...body, max_tokens: maxTokens };
  const thinking = fieldsOf(body['thinking']);
  const budget = numberIn(thinking['budget_tokens']);
  if (thinking['type'] !== 'enabled' || budget === undefined || budget < maxTokens) return made;
  const room = Math.floor(maxTokens / 2);
  return room >= THINKING_MIN ? { ...made, thinking: { ...thinking, budget_tokens: room } } : without(made, 'thinking');
}

/** A conversation with calls in it needs the tools that they are of: where none may be called any more, that is said. */
function withToolsLeft(body: Json, names: readonly string[]): Json {
  const hasCalls = recordsOf(body['messages']).some(({ content }) => recordsOf(content).some(({ type }) => type === 'tool_use'));
  if (names.length === 0 && hasCalls) return { ...body, tool_choice: { type: 'none' } };
  return withTools(body, names, ({ name }) => name);
}

function resultOfBlocks(blocks: readonly Json[], model: unknown): StepResult {
  const toolCalls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({ id: stringIn(id), name: stringIn(name) ?? '', args: input }));
  const thinking = blocks.map((block) => stringIn(block['thinking']) ?? '').join('');
  return resultOf(textOf(blocks), thinking, toolCalls, stringIn(model));
}

const finished = (response: Json): Finished => ({
  result: resultOfBlocks(recordsOf(response['content']), response['model']),
  usage: reportedUsage(response['usage']),
  id: stringIn(response['id']),
});

function reader(): StreamReader {
  let message: Json = {};
  let usage: Json = {};
  let isStopped = false;
  const blocks = new Map<number, Record<string, unknown>>();
  const json = new Map<number, string>();
  let open: number | undefined;

  function takeDelta(index: number, delta: Json): EventNews {
    const block = blocks.get(index) ?? {};
    const append = (field: string, piece: unknown): string => {
      const text = stringIn(piece) ?? '';
      block[field] = (stringIn(block[field]) ?? '') + text;
      return text;
    };
    const isAboutTools = block['type'] === 'tool_use';
    switch (delta['type']) {
      case 'text_delta':
        return { deltas: [{ text: append('text', delta['text']), channel: 'text' }] };
      case 'thinking_delta':
        return { deltas: [{ text: append('thinking', delta['thinking']), channel: 'thinking' }] };
      case 'input_json_delta': {
        const text = stringIn(delta['partial_json']) ?? '';
        // A call without arguments has one empty piece: what its block began with holds.
        if (text !== '') json.set(index, (json.get(index) ?? '') + text);
        return { isAboutTools, deltas: [{ text, channel: 'text' }] };
      }
      default:
        return { isAboutTools };
    }
  }

  return {
    take(data): EventNews {
      const said = fieldsOf(data);
      const index = numberIn(said['index']) ?? 0;
      switch (said['type']) {
        case 'error':
          return { error: stringIn(fieldsOf(said['error'])['message']) ?? 'the provider reported an error' };
        case 'message_start':
          message = fieldsOf(said['message']);
          usage = fieldsOf(message['usage']);
          return {};
        case 'content_block_start':
          open = index;
          blocks.set(index, { ...fieldsOf(said['content_block']) });
          return { isAboutTools: blocks.get(index)?.['type'] === 'tool_use' };
        case 'content_block_delta':
          return takeDelta(index, fieldsOf(said['delta']));
        case 'content_block_stop':
          open = undefined;
          return { isAboutTools: blocks.get(index)?.['type'] === 'tool_use' };
        case 'message_delta':
          // What the end says holds; it need not say everything again.
          usage = { ...usage, ...Object.fromEntries(Object.entries(fieldsOf(said['usage'])).filter(([, value]) => value !== null)) };
          isStopped = true;
          return {};
        case 'message_stop':
          return { isLast: true };
        default:
          return {};
      }
    },
    finished() {
      const made = [...blocks].map(([index, block]) => (json.has(index) ? { ...block, input: parsedArgs(json.get(index)) } : block));
      // The first event counts one token of output: it is the end that tells.
      return {
        result: resultOfBlocks(made, message['model']),
        usage: isStopped ? reportedUsage(usage) : undefined,
        id: stringIn(message['id']),
      };
    },
    tail() {
      const stop = open === undefined ? '' : event({ type: 'content_block_stop', index: open }, 'content_block_stop');
      const delta = { type: 'message_delta', delta: { stop_reason: 'max_tokens', stop_sequence: null }, usage: { output_tokens: 0 } };
      return stop + (isStopped ? '' : event(delta, 'message_delta')) + event({ type: 'message_stop' }, 'message_stop');
    },
  };
}

const noUsage = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };

const messageOf = ({ id, model }: GivenAnswer, content: readonly Json[], stop_reason: string | null): Json => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  model,
  content,
  stop_reason,
  stop_sequence: null,
  usage: noUsage,
});

const errorTypes: Readonly<Record<number, string>> = {
  402: 'billing_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'api_error',
};

export const messages: Protocol = {
  read,
  edited,
  finished,
  reader,
  answer: (given) => messageOf(given, [{ type: 'text', text: given.text }], 'end_turn'),
  answerStream(given) {
    const say = (data: { readonly type: string }): string => event(data, data.type);
    const block = { type: 'text', text: '' };
    return [
      say({ type: 'message_start', message: messageOf(given, [], null) } as { type: string }),
      say({ type: 'content_block_start', index: 0, content_block: block } as { type: string }),
      say({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: given.text } } as { type: string }),
      say({ type: 'content_block_stop', index: 0 } as { type: string }),
      say({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 0 } } as {
        type: string;
      }),
      say({ type: 'message_stop' }),
    ].join('');
  },
  withoutTools: (response) => ({
    ...response,
    content: recordsOf(response['content']).filter(({ type }) => type !== 'tool_use'),
    stop_reason: response['stop_reason'] === 'tool_use' ? 'end_turn' : response['stop_reason'],
  }),
  eventWithoutTools: (text) => text.replace(/("stop_reason":\s*)"tool_use"/, '$1"end_turn"'),
  error: (status, code, message, facts) => ({
    type: 'error',
    error: { type: errorTypes[status] ?? 'invalid_request_error', message, holdfast: { code, ...facts } },
  }),
};
