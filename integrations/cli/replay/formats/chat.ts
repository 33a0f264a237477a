import { asText, isRecord, textOrNull, type RecordedRun, type RecordedStep } from '../recorded-run.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is a chat transcript: an array of `{ role, content, … }`, or `{ messages: […] }`. */
export const isChat = (value: unknown): boolean => {
  const messages = messagesOf(value);
  return (
    messages !== undefined && messages.length > 0 && messages.every((message) => isRecord(message) && typeof message['role'] === 'string')
  );
};

const messagesOf = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) ? value : isRecord(value) && Array.isArray(value['messages']) ? value['messages'] : undefined;

/**
 * Reads an OpenAI-style transcript (`tool_calls` and `tool` messages); Anthropic's content blocks (`tool_use`, `tool_result`) are read too.
 * A step is one tool call, or one assistant message without any.
 */
export function readChat(value: unknown, fallbackId: string): RecordedRun {
  const messages = (messagesOf(value) ?? []) as readonly Fields[];
  const whole = isRecord(value) ? value : {};
  const answers = answersById(messages);
  const firstReply = messages.findIndex(({ role }) => role === 'assistant');
  const steps: RecordedStep[] = [];
  let round = 0;
  for (const [index, message] of messages.entries()) {
    if (message['role'] !== 'assistant') continue;
    const text = plainText(message['content']);
    const calls = callsOf(message);
    for (const [place, call] of calls.entries()) {
      const answer = answers(call.id, index) ?? (call.id === '' ? legacyAnswer(messages[index + 1]) : undefined);
      steps.push({
        ...unknownFigures,
        kind: 'tool',
        name: call.name,
        round,
        args: call.args,
        output: answer?.text,
        isError: answer?.isError,
        writtenLength: (place === 0 ? text.length : 0) + asText(call.args).length,
        readLength: answer?.text.length ?? 0,
      });
    }
    if (calls.length === 0) {
      const next = messages[index + 1];
      const reply = next?.['role'] === 'user' ? plainText(next['content']) : undefined;
      steps.push({
        ...unknownFigures,
        kind: 'model',
        name: 'model',
        round,
        output: text,
        reply,
        agent: textOrNull(message['name']) ?? undefined,
        writtenLength: text.length,
        readLength: reply?.length ?? 0,
      });
    }
    round++;
  }
  return {
    id: textOrNull(whole['id']) ?? fallbackId,
    model: textOrNull(whole['model']),
    promptLength: messages.slice(0, Math.max(0, firstReply)).reduce((sum, { content }) => sum + plainText(content).length, 0),
    steps,
  };
}

const unknownFigures = { inputTokens: null, outputTokens: null, startedAt: null, endedAt: null } as const;

/** The text of a message's content, whether it is a string or a list of parts. */
function plainText(content: unknown): string {
  if (!Array.isArray(content)) return asText(content);
  return content
    .filter(isRecord)
    .map((part) => textOrNull(part['text']) ?? '')
    .join('');
}

interface RecordedCall {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
}

function callsOf(message: Fields): readonly RecordedCall[] {
  const listed = Array.isArray(message['tool_calls']) ? message['tool_calls'].filter(isRecord) : [];
  const calls = listed.map((call) => {
    const made = isRecord(call['function']) ? call['function'] : call;
    return { id: asText(call['id']), name: textOrNull(made['name']) ?? 'tool', args: made['arguments'] ?? made['args'] };
  });
  const legacy = message['function_call'];
  if (isRecord(legacy)) calls.push({ id: '', name: textOrNull(legacy['name']) ?? 'tool', args: legacy['arguments'] });
  for (const part of blocksOf(message, 'tool_use')) {
    calls.push({ id: asText(part['id']), name: textOrNull(part['name']) ?? 'tool', args: part['input'] });
  }
  return calls;
}

const blocksOf = (message: Fields, type: string): readonly Fields[] =>
  Array.isArray(message['content']) ? message['content'].filter(isRecord).filter((part) => part['type'] === type) : [];

interface RecordedAnswer {
  readonly text: string;
  readonly isError: boolean | undefined;
}

/** Finds the answer to a call: the next one of its id, which some providers give again and again. */
function answersById(messages: readonly Fields[]): (id: string, asker: number) => RecordedAnswer | undefined {
  const byId = new Map<string, { readonly answers: { readonly place: number; readonly answer: RecordedAnswer }[]; next: number }>();
  const add = (id: string, place: number, answer: RecordedAnswer): void => {
    const known = byId.get(id) ?? { answers: [], next: 0 };
    known.answers.push({ place, answer });
    byId.set(id, known);
  };
  for (const [place, message] of messages.entries()) {
    const id = textOrNull(message['tool_call_id']);
    if (message['role'] === 'tool' && id !== null)
      add(id, place, { text: plainText(message['content']), isError: message['status'] === 'error' ? true : undefined });
    for (const part of blocksOf(message, 'tool_result'))
      add(asText(part['tool_use_id']), place, { text: plainText(part['content']), isError: part['is_error'] === true ? true : undefined });
  }
  return (id, asker) => {
    const known = byId.get(id);
    if (!known) return undefined;
    // Askers come in their order: what lies before one is of no use to those behind it.
    while ((known.answers[known.next]?.place ?? asker) < asker) known.next += 1;
    return known.answers[known.next]?.answer;
  };
}

const legacyAnswer = (next: Fields | undefined): RecordedAnswer | undefined =>
  next?.['role'] === 'function' ? { text: plainText(next['content']), isError: undefined } : undefined;
