import { AIMessage, HumanMessage, SystemMessage, type BaseMessage } from '@langchain/core/messages';
import type { MessageEdit } from 'holdfast';

const made = { system: SystemMessage, user: HumanMessage, assistant: AIMessage } as const;

/** Applies the guard's edits to the host's own messages: a kept one is the same object, with its ids, signatures and cache marks. */
export function editedMessages(messages: readonly BaseMessage[], edits: readonly MessageEdit[]): BaseMessage[] {
  return edits.flatMap((edit) => {
    if (edit.kind === 'insert') return [new made[edit.role](edit.text)];
    const message = messages[edit.index];
    if (!message) return [];
    return [edit.kind === 'keep' ? message : withContent(message, withTextIn(message.content, edit.text))];
  });
}

/** A content with another text: it stands where the first one stood, and pictures, files and thinking stay. */
function withTextIn(content: BaseMessage['content'], text: string): BaseMessage['content'] {
  if (typeof content === 'string') return text;
  const first = content.findIndex(isText);
  const blocks = content.flatMap((block, place) =>
    isText(block) ? (place === first && text !== '' ? [{ type: 'text', text }] : []) : [block],
  );
  return blocks.every(isText) ? text : blocks;
}

const isText = ({ type }: { readonly type?: unknown }): boolean => type === 'text';

/** The same message with another content; its id, its tool calls and what it answers stay. */
export function withContent<M extends BaseMessage>(message: M, content: BaseMessage['content']): M {
  const { constructor, ...fields } = message as M & { constructor: unknown };
  return new (constructor as new (fields: object) => M)({ ...fields, content });
}
