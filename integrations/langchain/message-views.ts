import type { BaseMessage } from '@langchain/core/messages';
import type { MediaView, MessageView, ToolCallView } from 'holdfast';
import type { Built } from './built.ts';

const roles: Readonly<Record<string, MessageView['role']>> = {
  system: 'system',
  developer: 'system',
  human: 'user',
  ai: 'assistant',
  tool: 'tool',
  function: 'tool',
};

interface Kept {
  readonly message: BaseMessage;
  readonly content: unknown;
  readonly toolCalls: unknown;
  readonly view: MessageView;
}

// Histories are sent again with every call: each message is looked at once, and found again by its place in the history.
const histories = new WeakMap<BaseMessage, Kept[]>();

/** LangChain's messages as the core sees them. `ref` is the message itself. */
export function messageViews(messages: readonly BaseMessage[]): MessageView[] {
  const anchor = anchorOf(messages);
  if (!anchor) return messages.map(messageView);
  let history = histories.get(anchor);
  if (!history) histories.set(anchor, (history = []));
  const views: MessageView[] = [];
  for (let at = 0; at < messages.length; at += 1) {
    const message = messages[at] as BaseMessage;
    const before = history[at];
    const known = before?.message === message && isAsKept(before) ? before : (history[at] = keptOf(message));
    views.push(known.view);
  }
  history.length = messages.length;
  return views;
}

/** The message that tells one history from another: the first, but for the agent's own instructions. */
const anchorOf = ([first, second]: readonly BaseMessage[]): BaseMessage | undefined => (first?.getType() === 'system' ? second : first);

function keptOf(message: BaseMessage): Kept {
  const { content, tool_calls: toolCalls } = message as BaseMessage & { tool_calls?: unknown };
  return { message, content, toolCalls, view: messageView(message) };
}

/** Whether a message still carries what was looked at. */
const isAsKept = ({ message, content, toolCalls }: Kept): boolean =>
  message.content === content && (message as { tool_calls?: unknown }).tool_calls === toolCalls;

/** One message as the core sees it. */
export function messageView(message: BaseMessage): MessageView {
  const { tool_call_id: toolCallId } = message as { tool_call_id?: unknown };
  const media = mediaOf(message.content);
  const toolCalls = toolCallsOf(message);
  const view: Built<MessageView> = { role: roles[message.getType()] ?? 'user', text: textOf(message.content), ref: message };
  if (media.length > 0) view.media = media;
  if (toolCalls.length > 0) view.toolCalls = toolCalls;
  if (typeof toolCallId === 'string') view.toolCallId = toolCallId;
  if (message.name !== undefined) view.name = message.name;
  return view;
}

/** The tool calls of a model's message, broken ones among them: they go over the wire like the others. */
export function toolCallsOf(message: unknown): ToolCallView[] {
  const { tool_calls: valid, invalid_tool_calls: invalid } = message as { tool_calls?: unknown; invalid_tool_calls?: unknown };
  const all = recordsOf(invalid).length > 0 ? [...recordsOf(valid), ...recordsOf(invalid)] : recordsOf(valid);
  return all.map(({ name, args, id }) => {
    const call: Built<ToolCallView> = { name: typeof name === 'string' ? name : '', args };
    if (typeof id === 'string') call.id = id;
    return call;
  });
}

/** The text of a content, which may be a string or a list of blocks. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return recordsOf(content)
    .map(({ text }) => (typeof text === 'string' ? text : ''))
    .join('');
}

/**
 * The visible thinking in a message or a chunk of one: Anthropic's `thinking`, LangChain's `reasoning`, OpenAI's summaries, and beside the
 * content what DeepSeek, xAI and servers at home call `reasoning_content`.
 */
export function thinkingOf(message: unknown): string {
  const { content, additional_kwargs: beside } = message as { content?: unknown; additional_kwargs?: Record<string, unknown> };
  const said = beside?.['reasoning_content'];
  return thinkingIn(content) || (typeof said === 'string' ? said : '');
}

function thinkingIn(content: unknown): string {
  return recordsOf(content)
    .flatMap(({ type, thinking, reasoning, summary }) => {
      if (type === 'thinking') return thinking;
      if (type !== 'reasoning') return undefined;
      return typeof reasoning === 'string' ? reasoning : recordsOf(summary).map(({ text }) => text);
    })
    .filter((piece) => typeof piece === 'string')
    .join('');
}

function mediaOf(content: unknown): MediaView[] {
  return recordsOf(content).flatMap((block): MediaView[] => {
    const type = typeof block['type'] === 'string' ? block['type'] : '';
    const bytes = bytesOf(block);
    const size = bytes === undefined ? {} : { bytes };
    if (type.includes('image')) return [{ kind: 'image', ...size, ...detailOf(block) }];
    if (type.includes('audio')) return [{ kind: 'audio', ...size }];
    if (type.includes('file') || type === 'document' || type.includes('video')) return [{ kind: 'file', ...size }];
    return [];
  });
}

function detailOf({ image_url: image, detail: own }: Record<string, unknown>): { detail?: 'low' | 'high' | 'auto' } {
  const detail = own ?? (image as { detail?: unknown } | undefined)?.detail;
  return detail === 'low' || detail === 'high' || detail === 'auto' ? { detail } : {};
}

/** The size of what a block carries, where it carries it itself and not as a link. */
function bytesOf(block: Record<string, unknown>): number | undefined {
  const nested = [block, block['image_url'], block['input_audio'], block['file'], block['source']];
  for (const holder of nested) {
    const {
      data,
      url,
      file_data: file,
    } = typeof holder === 'object' && holder !== null ? (holder as Record<string, unknown>) : { url: holder };
    if (data instanceof Uint8Array) return data.byteLength;
    const text = [data, file, url].find((value): value is string => typeof value === 'string');
    if (text === undefined || (text === url && !text.startsWith('data:'))) continue;
    return Math.floor(((text.length - (text.indexOf(',') + 1)) * 3) / 4);
  }
  return undefined;
}

/** The objects in a list; nothing for anything else. */
export const recordsOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) && value.length > 0
    ? value.filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null)
    : [];
