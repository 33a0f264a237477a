import type { MessageEdit, MessageView } from 'holdfast';
import { fieldsOf, recordsOf, type Prompt, type PromptMessage } from './host.ts';
import type { ViewPlace } from './prompt-views.ts';

/**
 * Applies the guard's edits to the SDK's own prompt: a message that is kept is the same object, with its signatures, ids
 * and cache marks. Results that stood together in one message stay together.
 */
export function editedPrompt(views: readonly MessageView[], edits: readonly MessageEdit[]): Prompt {
  const prompt: PromptMessage[] = [];
  let open: { readonly message: PromptMessage; readonly parts: Map<number, string | undefined> } | undefined;
  const close = (): void => {
    if (open) prompt.push(withResults(open.message, open.parts));
    open = undefined;
  };
  for (const edit of edits) {
    const place = edit.kind === 'insert' ? undefined : (views[edit.index]?.ref as ViewPlace | undefined);
    const text = edit.kind === 'replace' ? edit.text : undefined;
    if (place?.part !== undefined) {
      if (open?.message !== place.message) {
        close();
        open = { message: place.message, parts: new Map() };
      }
      open.parts.set(place.part, text);
      continue;
    }
    close();
    if (edit.kind === 'insert') prompt.push(madeMessage(edit.role, edit.text));
    else if (place) prompt.push(text === undefined ? place.message : withText(place.message, text));
  }
  close();
  return prompt;
}

function madeMessage(role: 'system' | 'user' | 'assistant', text: string): PromptMessage {
  return role === 'system' ? { role, content: text } : { role, content: [{ type: 'text', text }] };
}

/** A tool message with these results of it, some with another text. */
function withResults(message: PromptMessage, parts: ReadonlyMap<number, string | undefined>): PromptMessage {
  const all = recordsOf(message.content);
  const isWhole = all.every((part, place) => part['type'] !== 'tool-result' || parts.has(place));
  if (isWhole && [...parts.values()].every((text) => text === undefined)) return message;
  const content = all.flatMap((part, place) => {
    if (part['type'] !== 'tool-result') return [part];
    if (!parts.has(place)) return [];
    const text = parts.get(place);
    return [text === undefined ? part : { ...part, output: withOutputText(part['output'], text) }];
  });
  return { ...message, content } as unknown as PromptMessage;
}

/** The same result with another text; its pictures and files, and its cache marks, stay. */
function withOutputText(output: unknown, text: string): object {
  const { type, value, providerOptions } = fieldsOf(output);
  const marks = providerOptions === undefined ? {} : { providerOptions };
  const others = type === 'content' ? recordsOf(value).filter((part) => part['type'] !== 'text') : [];
  if (others.length === 0) return { ...marks, type: 'text', value: text };
  return { ...marks, type: 'content', value: [...(text === '' ? [] : [{ type: 'text', text }]), ...others] };
}

/** The same message with another text; its tool calls, its thinking and its marks stay. */
function withText(message: PromptMessage, text: string): PromptMessage {
  if (message.role === 'system') return { ...message, content: text };
  const kept = recordsOf(message.content).filter((part) => part['type'] !== 'text');
  const isThinking = (part: object): boolean => fieldsOf(part)['type'] === 'reasoning';
  const added = text === '' ? [] : [{ type: 'text', text }];
  return {
    ...message,
    content: [...kept.filter(isThinking), ...added, ...kept.filter((part) => !isThinking(part))],
  } as unknown as PromptMessage;
}
