import type { MessageView } from '../../core/step.ts';
import type { MessageEdit } from '../../core/offer.ts';
import type { Rung } from '../../ladder/rung.ts';
import { textPrint } from '../../ladder/same-call.ts';

/** What persons have said to a run that was handed over. The host knows nothing of it: it is put in its place in every call. */
export interface Replies {
  readonly rung: Rung;
  add(messages: readonly MessageView[], words: string): void;
  save(): readonly Reply[];
}

export interface Reply {
  /** How many messages there were, and which: words belong to one conversation. */
  readonly place: number;
  readonly print: number;
  readonly text: string;
}

const REPLIES_MAX = 16;

export function createReplies(restored: readonly Reply[] = []): Replies {
  const replies = [...restored];
  return {
    save: () => replies,
    add(messages, words) {
      replies.push({ place: messages.length, print: printOf(messages), text: words });
      if (replies.length > REPLIES_MAX) replies.shift();
    },
    rung: {
      name: 'reply',
      at: 0,
      on: [],
      offer(call) {
        const messages = (call.kind === 'model' && call.messages) || [];
        const said = replies.filter(({ place, print }) => place <= messages.length && printOf(messages.slice(0, place)) === print);
        if (said.length === 0) return undefined;
        const wordsAt = (place: number): MessageEdit[] =>
          said.filter((reply) => reply.place === place).map(({ text }): MessageEdit => ({ kind: 'insert', role: 'user', text }));
        const edits = messages.flatMap((_, index): MessageEdit[] => [...wordsAt(index), { kind: 'keep', index }]);
        return { kind: 'edits', edits: { messages: [...edits, ...wordsAt(messages.length)] }, detail: "a person's words" };
      },
    },
  };
}

const printOf = (messages: readonly MessageView[]): number =>
  messages.reduce((print, { role, text }) => textPrint(text, textPrint(role, print)), 1);
