import type { MediaView, MessageView, ToolCallView } from 'holdfast';
import { fieldsOf, recordsOf, type Prompt, type PromptMessage } from './host.ts';

/** Where a view was taken from: a message of the prompt, and which part of it where it is one of several results. */
export interface ViewPlace {
  readonly message: PromptMessage;
  /** For a tool's result: its place in the message's content. */
  readonly part?: number;
}

/**
 * The prompt as the core sees it. A tool message carries the results of all calls of a round: each is a view of its own.
 * `ref` is a `ViewPlace`.
 */
export const promptViews = (prompt: Prompt): MessageView[] => prompt.flatMap(viewsOf);

function viewsOf(message: PromptMessage): MessageView[] {
  const { role } = message;
  const results = role === 'tool' ? resultPlaces(message) : [];
  if (role !== 'tool' || results.length === 0) return [plainView(message)];
  return results.map(({ part, fields }) => ({
    role: 'tool',
    text: outputText(fields['output']),
    toolCallId: String(fields['toolCallId']),
    ...(typeof fields['toolName'] === 'string' ? { name: fields['toolName'] } : {}),
    ...mediaFields(recordsOf(fieldsOf(fields['output'])['value']).flatMap(mediaOf)),
    ref: { message, part } satisfies ViewPlace,
  }));
}

/** The tool results in a message. */
const resultPlaces = ({ content }: PromptMessage): { part: number; fields: Readonly<Record<string, unknown>> }[] =>
  recordsOf(content).flatMap((fields, part) => (fields['type'] === 'tool-result' ? [{ part, fields }] : []));

function plainView(message: PromptMessage): MessageView {
  const { role, content } = message;
  const parts = recordsOf(content);
  const toolCalls = parts.filter((part) => part['type'] === 'tool-call' && part['providerExecuted'] !== true).map(callView);
  return {
    role,
    text: typeof content === 'string' ? content : parts.map(partText).join(''),
    ...mediaFields(parts.flatMap(mediaOf)),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ref: { message } satisfies ViewPlace,
  };
}

/** Everything of a part that goes over the wire as text; a tool call is a view of its own. */
function partText(part: Readonly<Record<string, unknown>>): string {
  if (part['type'] === 'text' || part['type'] === 'reasoning') return typeof part['text'] === 'string' ? part['text'] : '';
  // What the provider ran itself goes back to it as it came.
  if (part['type'] === 'tool-result') return outputText(part['output']);
  return part['type'] === 'tool-call' && part['providerExecuted'] === true ? JSON.stringify(part['input'] ?? '') : '';
}

const callView = (part: Readonly<Record<string, unknown>>): ToolCallView => ({
  name: String(part['toolName']),
  args: part['input'],
  id: String(part['toolCallId']),
});

/** A tool's result as the text that the provider is sent. */
function outputText(output: unknown): string {
  const { type, value, reason } = fieldsOf(output);
  if (type === 'text' || type === 'error-text') return typeof value === 'string' ? value : '';
  if (type === 'execution-denied') return typeof reason === 'string' ? reason : '';
  if (type === 'content')
    return recordsOf(value)
      .map(({ text }) => (typeof text === 'string' ? text : ''))
      .join('');
  return value === undefined ? '' : JSON.stringify(value);
}

const mediaFields = (media: MediaView[]): { media?: MediaView[] } => (media.length > 0 ? { media } : {});

function mediaOf(part: Readonly<Record<string, unknown>>): MediaView[] {
  const { type, mediaType, data } = part;
  const isFile = type === 'file' || type === 'file-data' || type === 'image-data' || type === 'image-url' || type === 'file-url';
  if (!isFile) return [];
  const kind = typeof mediaType === 'string' ? mediaType : type.startsWith('image') ? 'image/' : '';
  const bytes = bytesOf(data);
  const size = bytes === undefined ? {} : { bytes };
  if (kind.startsWith('image')) return [{ kind: 'image', ...size }];
  if (kind.startsWith('audio')) return [{ kind: 'audio', ...size }];
  return [{ kind: 'file', ...size }];
}

/** The size of what a part carries itself: bytes, or a text in base64. A link has none. */
function bytesOf(data: unknown): number | undefined {
  if (data instanceof Uint8Array) return data.byteLength;
  if (typeof data === 'string') return Math.floor((data.length * 3) / 4);
  // Version 7 of the SDK puts a layer around it.
  const inner = fieldsOf(data)['data'];
  return inner === undefined ? undefined : bytesOf(inner);
}
