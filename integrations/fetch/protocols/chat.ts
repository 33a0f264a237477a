import { reportedUsage, type CallEdits, type ReasoningSettings, type StepResult, type ToolCallView, type UsageReport } from 'holdfast';
import { fieldsOf, isJson, countIn, numberIn, parsedArgs, parsedJson, recordsOf, stringIn, textOf, without, type Json } from '../json.ts';
import { chatResults, chatToolCalls, chatView, editedChat } from './chat-messages.ts';
import { openAIError } from './openai-error.ts';
import { event, type EventNews, type Finished, type GivenAnswer, type Protocol, type ReadRequest, type StreamReader } from './protocol.ts';

/** In Azure's paths the deployment is the model, and the body need not name one. */
export const modelOf = (body: Json, url: URL): string =>
  stringIn(body['model']) ?? decoded(/\/deployments\/([^/]+)\//.exec(url.pathname)?.[1] ?? '');

/** A part of a path as text; as it is where it is none. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const isDeployment = (url: URL): boolean => url.pathname.includes('/deployments/');

export const providerOf = ({ hostname }: URL): string | undefined =>
  hostname === 'api.openai.com' ? 'openai' : hostname === 'api.anthropic.com' ? 'anthropic' : undefined;

const efforts: ReadonlySet<unknown> = new Set(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']);

export const effortOf = (effort: unknown): ReasoningSettings | undefined =>
  efforts.has(effort) ? { effort: effort as NonNullable<ReasoningSettings['effort']> } : undefined;

function read(body: Json, url: URL): ReadRequest {
  const messages = recordsOf(body['messages']);
  const tools = Array.isArray(body['tools']) ? (body['tools'] as unknown[]) : undefined;
  return {
    call: {
      kind: 'model',
      model: modelOf(body, url),
      provider: providerOf(url),
      messages: messages.map(chatView),
      maxOutputTokens: countIn(body['max_completion_tokens']) ?? countIn(body['max_tokens']),
      tools,
      outputSchema: fieldsOf(body['response_format'])['json_schema'],
      reasoning: effortOf(body['reasoning_effort']),
      serviceTier: stringIn(body['service_tier']),
      n: countIn(body['n']),
    },
    streams: body['stream'] === true,
    results: chatResults(messages),
    previousId: undefined,
    canEdit: [...(isDeployment(url) ? [] : (['model'] as const)), 'maxOutputTokens', 'reasoning', 'tools', 'messages', 'answer'],
  };
}

/** The field for the cap: the one that is there; else the old name, which all but OpenAI's thinking models know. */
function capField(body: Json, model: string): string {
  if (body['max_completion_tokens'] !== undefined) return 'max_completion_tokens';
  if (body['max_tokens'] !== undefined) return 'max_tokens';
  return /^(?:o\d|gpt-[5-9])/.test(model) ? 'max_completion_tokens' : 'max_tokens';
}

function edited(body: Json, _request: ReadRequest, edits: CallEdits): Json {
  let made = body;
  if (edits.model) made = { ...made, model: edits.model.name };
  if (edits.messages) made = { ...made, messages: editedChat(recordsOf(body['messages']), edits.messages) };
  if (edits.maxOutputTokens !== undefined) made = { ...made, [capField(made, stringIn(made['model']) ?? '')]: edits.maxOutputTokens };
  if (edits.reasoning?.effort !== undefined) made = { ...made, reasoning_effort: edits.reasoning.effort };
  return edits.tools ? withTools(made, edits.tools, (tool) => fieldsOf(tool['function'] ?? tool['custom'])['name']) : made;
}

/** The body with these tools alone; a choice that names one that is gone goes with it. */
export function withTools(body: Json, names: readonly string[], nameOf: (tool: Json) => unknown): Json {
  const kept = recordsOf(body['tools']).filter((tool) => names.includes(stringIn(nameOf(tool)) ?? ''));
  if (kept.length === 0) return without(body, 'tools', 'tool_choice', 'parallel_tool_calls');
  const choice = fieldsOf(body['tool_choice']);
  const chosen = nameOf(choice);
  const isGone = typeof chosen === 'string' && !names.includes(chosen);
  return { ...(isGone ? without(body, 'tool_choice') : body), tools: kept };
}

function finished(response: Json): Finished {
  const choices = recordsOf(response['choices']).map(({ message }) => fieldsOf(message));
  return {
    result: resultOf(
      choices.map(({ content }) => textOf(content)).join('\n'),
      choices.map(({ reasoning_content: long, reasoning }) => stringIn(long) ?? stringIn(reasoning) ?? '').join(''),
      choices.flatMap(chatToolCalls),
      stringIn(response['model']),
    ),
    usage: reportedUsage(response['usage']),
    id: stringIn(response['id']),
  };
}

/** What detectors want to know of an answer. */
export const resultOf = (text: string, thinking: string, toolCalls: readonly ToolCallView[], model: string | undefined): StepResult => ({
  text,
  ...(thinking === '' ? {} : { thinking }),
  ...(toolCalls.length > 0 ? { toolCalls } : {}),
  ...(model === undefined ? {} : { model }),
});

function reader(): StreamReader {
  let [text, thinking] = ['', ''];
  let head: Json = {};
  let usage: UsageReport | undefined;
  let isStopped = false;
  const calls = new Map<string, { id: string | undefined; name: string; args: string }>();

  function takeDelta(choice: number, delta: Json): NonNullable<EventNews['deltas']> {
    const said = textOf(delta['content']) + (stringIn(delta['refusal']) ?? '');
    const thought = stringIn(delta['reasoning_content']) ?? stringIn(delta['reasoning']) ?? '';
    text += said;
    thinking += thought;
    let asked = '';
    for (const call of recordsOf(delta['tool_calls'])) {
      const { name, arguments: args, input } = fieldsOf(call['function'] ?? call['custom']);
      const key = `${choice} ${String(call['index'])}`;
      const known = calls.get(key) ?? { id: undefined, name: '', args: '' };
      calls.set(key, known);
      known.id ??= stringIn(call['id']);
      known.name += stringIn(name) ?? '';
      const piece = stringIn(args) ?? stringIn(input) ?? '';
      known.args += piece;
      asked += (stringIn(name) ?? '') + piece;
    }
    return [
      ...(said + asked === '' ? [] : [{ text: said + asked, channel: 'text' as const }]),
      ...(thought === '' ? [] : [{ text: thought, channel: 'thinking' as const }]),
    ];
  }

  return {
    take(data) {
      if (data === '[DONE]') return { isLast: true };
      const chunk = fieldsOf(data);
      if (chunk['error'] !== undefined) return { error: stringIn(fieldsOf(chunk['error'])['message']) ?? 'the provider reported an error' };
      const { choices, usage: reported, ...others } = chunk;
      head = others;
      usage = reportedUsage(reported) ?? usage;
      const made = recordsOf(choices);
      const deltas = made.flatMap(({ index, delta }) => takeDelta(numberIn(index) ?? 0, fieldsOf(delta)));
      if (made.some(({ finish_reason: reason }) => typeof reason === 'string')) isStopped = true;
      const isAboutTools = made.length > 0 && made.every(asksAlone);
      const onlyUsage = made.length === 0 && reported ? ('all' as const) : reported === null ? ('field' as const) : undefined;
      return { deltas, isAboutTools, ...(onlyUsage ? { onlyUsage } : {}) };
    },
    finished: () => ({
      result: resultOf(
        text,
        thinking,
        [...calls.values()].map(({ id, name, args }) => ({ id, name, args: parsedArgs(args) })),
        stringIn(head['model']),
      ),
      usage,
      id: stringIn(head['id']),
    }),
    tail: () =>
      (isStopped ? '' : event({ ...head, choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }] })) + event('[DONE]'),
  };
}

/** Whether a choice of a chunk asks for tools and says nothing else. */
function asksAlone({ delta, finish_reason: reason }: Json): boolean {
  const { tool_calls: calls, ...others } = fieldsOf(delta);
  return recordsOf(calls).length > 0 && typeof reason !== 'string' && Object.values(others).every((value) => value === null);
}

/** The choices of an answer without their tool calls, in the `message` of a whole one or the `delta` of a chunk. */
const choicesWithoutTools = (choices: unknown, field: 'message' | 'delta'): Json[] =>
  recordsOf(choices).map((choice) => ({
    ...choice,
    [field]: without(fieldsOf(choice[field]), 'tool_calls'),
    finish_reason: choice['finish_reason'] === 'tool_calls' ? 'stop' : choice['finish_reason'],
  }));

const noUsage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

const headOf = ({ id, model, createdAt }: GivenAnswer, object: string): Json => ({
  id: `chatcmpl-${id}`,
  object,
  created: Math.floor(createdAt / 1_000),
  model,
});

export const chat: Protocol = {
  read,
  edited,
  withUsage(body) {
    const options = fieldsOf(body['stream_options']);
    return options['include_usage'] === undefined ? { ...body, stream_options: { ...options, include_usage: true } } : undefined;
  },
  finished,
  reader,
  answer: (given) => ({
    ...headOf(given, 'chat.completion'),
    choices: [{ index: 0, message: { role: 'assistant', content: given.text, refusal: null }, logprobs: null, finish_reason: 'stop' }],
    usage: noUsage,
  }),
  answerStream(given, body) {
    const chunk = (choices: readonly object[], more: object = {}): string =>
      event({ ...headOf(given, 'chat.completion.chunk'), choices, ...more });
    const piece = (delta: object, finish_reason: string | null = null): string =>
      chunk([{ index: 0, delta, logprobs: null, finish_reason }]);
    const asksUsage = fieldsOf(body['stream_options'])['include_usage'] === true;
    const end = asksUsage ? chunk([], { usage: noUsage }) : '';
    return piece({ role: 'assistant', content: given.text }) + piece({}, 'stop') + end + event('[DONE]');
  },
  withoutTools: (response) => ({ ...response, choices: choicesWithoutTools(response['choices'], 'message') }),
  eventWithoutTools: (text) =>
    text.replace(/^data: ?(.*)$/m, (line, json: string) => {
      const chunk = parsedJson(json);
      return isJson(chunk) && chunk['choices'] !== undefined
        ? `data: ${JSON.stringify({ ...chunk, choices: choicesWithoutTools(chunk['choices'], 'delta') })}`
        : line;
    }),
  error: openAIError,
};
