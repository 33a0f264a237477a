import { asText, countOrNull, isRecord, textOrNull, type RecordedRun, type RecordedStep } from '../recorded-run.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an OTLP JSON export: `{ resourceSpans: […] }`. */
export const isOtlp = (value: unknown): value is Fields => isRecord(value) && Array.isArray(value['resourceSpans']);

/** A span that matters here: a model call or a tool call, by the GenAI conventions. */
export interface GenAiSpan {
  readonly traceId: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly operation: string;
  readonly attributes: ReadonlyMap<string, unknown>;
  readonly isError: boolean;
  readonly spanId: string;
}

const MODEL_OPERATIONS = new Set(['chat', 'text_completion', 'generate_content']);
const list = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** The GenAI spans of one export. */
export function spansOf(value: Fields): readonly GenAiSpan[] {
  const spans = list(value['resourceSpans']).flatMap((resource) => list(resource['scopeSpans']).flatMap((scope) => list(scope['spans'])));
  return spans.flatMap((span) => {
    const attributes = new Map(list(span['attributes']).map((entry) => [asText(entry['key']), plainValue(entry['value'])]));
    const operation = textOrNull(attributes.get('gen_ai.operation.name'));
    if (operation === null || (operation !== 'execute_tool' && !MODEL_OPERATIONS.has(operation))) return [];
    const status = isRecord(span['status']) ? span['status']['code'] : undefined;
    return {
      traceId: asText(span['traceId']),
      spanId: asText(span['spanId']),
      startedAt: milliseconds(span['startTimeUnixNano']),
      endedAt: milliseconds(span['endTimeUnixNano']),
      operation,
      attributes,
      isError: status === 2 || status === 'STATUS_CODE_ERROR' || attributes.has('error.type'),
    };
  });
}

/** Puts the spans of each trace in order of time: one trace is one run. */
export function runsOfSpans(spans: readonly GenAiSpan[]): readonly RecordedRun[] {
  const traces = new Map<string, GenAiSpan[]>();
  for (const span of spans) {
    const known = traces.get(span.traceId);
    if (known) known.push(span);
    else traces.set(span.traceId, [span]);
  }
  return [...traces].map(([id, members]) => {
    const ordered = members.toSorted((a, b) => a.startedAt - b.startedAt);
    let round = 0;
    let calls: GenAiSpan | undefined;
    const steps: RecordedStep[] = [];
    for (const span of ordered) {
      if (span.operation === 'execute_tool') {
        steps.push(toolStep(span, round, calls));
        calls = undefined;
        continue;
      }
      // A model call that asked for tools is no step of its own here: its figures go with its first tool.
      if (calls !== undefined) steps.push(modelStep(calls, round));
      round++;
      calls = span;
    }
    if (calls !== undefined) steps.push(modelStep(calls, round));
    const model = ordered.map(({ attributes }) => textOrNull(attributes.get('gen_ai.request.model'))).find((name) => name !== null);
    return { id, model: model ?? null, promptLength: 0, steps };
  });
}

function toolStep(span: GenAiSpan, round: number, asked: GenAiSpan | undefined): RecordedStep {
  const args = span.attributes.get('gen_ai.tool.call.arguments');
  const output = span.attributes.get('gen_ai.tool.call.result');
  return {
    kind: 'tool',
    name: textOrNull(span.attributes.get('gen_ai.tool.name')) ?? 'tool',
    round,
    args,
    output,
    // Spans without content cannot be compared: each is taken as different from every other.
    ...(args === undefined ? { argsHash: span.spanId } : {}),
    ...(output === undefined ? { outputHash: span.spanId } : {}),
    isError: span.isError ? true : undefined,
    ...figures(asked),
    writtenLength: asText(args).length,
    readLength: asText(output).length,
    startedAt: span.startedAt,
    endedAt: span.endedAt,
  };
}

function modelStep(span: GenAiSpan, round: number): RecordedStep {
  const output = span.attributes.get('gen_ai.output.messages');
  return {
    kind: 'model',
    name: textOrNull(span.attributes.get('gen_ai.response.model')) ?? 'model',
    round,
    output: output === undefined ? '' : wordsOf(output),
    ...(output === undefined ? { outputHash: span.spanId } : {}),
    agent: textOrNull(span.attributes.get('gen_ai.agent.name')) ?? undefined,
    ...figures(span),
    writtenLength: asText(output).length,
    readLength: 0,
    startedAt: span.startedAt,
    endedAt: span.endedAt,
  };
}

const figures = (span: GenAiSpan | undefined): Pick<RecordedStep, 'inputTokens' | 'outputTokens'> => ({
  inputTokens: countOrNull(span?.attributes.get('gen_ai.usage.input_tokens')),
  outputTokens: countOrNull(span?.attributes.get('gen_ai.usage.output_tokens')),
});

/** The text parts of `gen_ai.output.messages`, which may be a list or a list in a string. */
function wordsOf(output: unknown): string {
  const messages = typeof output === 'string' ? parsed(output) : output;
  const parts = list(messages).flatMap((message) => list(message['parts']));
  const words = parts.map((part) => textOrNull(part['content']) ?? '').join('');
  return words === '' ? asText(output) : words;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An OTLP attribute value as a plain one. 64-bit integers come as strings. */
function plainValue(value: unknown): unknown {
  if (!isRecord(value)) return value;
  if ('stringValue' in value) return value['stringValue'];
  if ('intValue' in value) return Number(value['intValue']);
  if ('doubleValue' in value) return value['doubleValue'];
  if ('boolValue' in value) return value['boolValue'];
  if (isRecord(value['arrayValue'])) return list(value['arrayValue']['values']).map(plainValue);
  if (isRecord(value['kvlistValue']))
    return Object.fromEntries(list(value['kvlistValue']['values']).map((entry) => [asText(entry['key']), plainValue(entry['value'])]));
  return undefined;
}

const milliseconds = (nanoseconds: unknown): number => Number(nanoseconds ?? 0) / 1e6;
