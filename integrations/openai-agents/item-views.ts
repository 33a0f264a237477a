import type { MediaView, MessageView, ToolCallView } from 'holdfast';
import { fieldsOf, recordsOf, textOrNothing, type Fields, type Item, type ModelRequest } from './host.ts';

/** Where a view was taken from: the instructions, or the items of the input that make one message. */
export type ViewPlace = { readonly kind: 'instructions' } | { readonly kind: 'items'; readonly items: readonly Item[] };

/**
 * The input as the core sees it. What a model said at once (its thinking, its text, its calls) is one message, though the
 * SDK keeps an item for each: one without the others would be refused. `ref` is a `ViewPlace`.
 */
export function requestViews({ systemInstructions, input }: ModelRequest): MessageView[] {
  const views: MessageView[] =
    systemInstructions === undefined || systemInstructions === ''
      ? []
      : [{ role: 'system', text: systemInstructions, ref: { kind: 'instructions' } satisfies ViewPlace }];
  if (typeof input === 'string') return [...views, { role: 'user', text: input, ref: { kind: 'items', items: [] } satisfies ViewPlace }];
  return [...views, ...groupsOf(input).map(groupView)];
}

/** A model's items that follow one another are together; all others stand alone. */
function groupsOf(items: readonly Item[]): Item[][] {
  const groups: Item[][] = [];
  for (const item of items) {
    const last = groups.at(-1);
    const before = last?.at(-1);
    if (last && before && isModels(item) && isModels(before)) last.push(item);
    else groups.push([item]);
  }
  return groups;
}

const resultTypes: ReadonlySet<unknown> = new Set([
  'function_call_result',
  'computer_call_result',
  'shell_call_output',
  'apply_patch_call_output',
]);

const isModels = (item: Item): boolean => {
  const { type, role } = fieldsOf(item);
  return role === undefined ? !resultTypes.has(type) : role === 'assistant';
};

function groupView(items: readonly Item[]): MessageView {
  const ref: ViewPlace = { kind: 'items', items };
  const [first] = items.map(fieldsOf);
  if (first && resultTypes.has(first['type'])) {
    return {
      role: 'tool',
      text: outputText(first['output']),
      toolCallId: textOrNothing(first['callId']),
      ...mediaFields(mediaIn(first['output'])),
      ref,
    };
  }
  const toolCalls = items.flatMap((item) => callOf(item) ?? []);
  const media = items.flatMap((item) => mediaIn(fieldsOf(item)['content']));
  return {
    role: first?.['role'] === 'user' || first?.['role'] === 'system' ? first['role'] : 'assistant',
    text: items.map(itemText).join(''),
    ...mediaFields(media),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ref,
  };
}

/** A call that is answered by an item of its own. */
export function callOf(item: Item): ToolCallView | undefined {
  const { type, name, arguments: args, callId } = fieldsOf(item);
  if (type === 'function_call') return { name: textOrNothing(name), args: parsed(args), id: textOrNothing(callId) };
  if (type !== 'computer_call' && type !== 'shell_call' && type !== 'apply_patch_call') return undefined;
  const { action, operation } = fieldsOf(item);
  return { name: type, args: action ?? operation, id: textOrNothing(callId) };
}

function parsed(args: unknown): unknown {
  try {
    return typeof args === 'string' ? (JSON.parse(args) as unknown) : args;
  } catch {
    return args;
  }
}

/** The text of a message; of what a provider ran itself, what goes back to it. */
export function itemText(item: Item): string {
  const { type, content, output, arguments: args, rawContent } = fieldsOf(item);
  if (type === 'hosted_tool_call') return [args, output].map(textOrNothing).join('');
  if (type === 'reasoning') return contentText(rawContent) || contentText(content);
  return contentText(content);
}

const contentText = (content: unknown): string => {
  if (typeof content === 'string') return content;
  return recordsOf(content)
    .map((part) => textOrNothing(part['text']) + textOrNothing(part['refusal']) + textOrNothing(part['transcript']))
    .join('');
};

function outputText(output: unknown): string {
  if (typeof output === 'string') return output;
  const parts = Array.isArray(output) ? recordsOf(output) : [fieldsOf(output)];
  const text = contentText(parts);
  // A shell's output, a patch's status: whatever is no list of texts goes over the wire as JSON.
  return text === '' && mediaIn(output).length === 0 ? (JSON.stringify(output) ?? '') : text;
}

const mediaFields = (media: MediaView[]): { media?: MediaView[] } => (media.length > 0 ? { media } : {});

const mediaIn = (content: unknown): MediaView[] => (Array.isArray(content) ? recordsOf(content) : [fieldsOf(content)]).flatMap(mediaOf);

function mediaOf(part: Fields): MediaView[] {
  const type = textOrNothing(part['type']);
  const size = sizeOf(part['image'] ?? part['file'] ?? part['audio'] ?? part['data']);
  const { detail } = part;
  if (type.includes('image') || type === 'computer_screenshot')
    return [{ kind: 'image', ...size, ...(detail === 'low' || detail === 'high' || detail === 'auto' ? { detail } : {}) }];
  if (type === 'audio') return [{ kind: 'audio', ...size }];
  return type.includes('file') ? [{ kind: 'file', ...size }] : [];
}

/** The size of what a part carries itself, in base64 or as a data URL; a link has none. */
function sizeOf(data: unknown): { bytes?: number } {
  const text = typeof data === 'string' ? data : textOrNothing(fieldsOf(data)['data'] ?? fieldsOf(data)['url']);
  if (text === '' || /^https?:/.test(text)) return {};
  return { bytes: Math.floor(((text.length - (text.indexOf(',') + 1)) * 3) / 4) };
}
