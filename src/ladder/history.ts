import type { MessageEdit } from '../core/offer.ts';
import type { MessageView } from '../core/step.ts';
import { askersOf } from './pairs.ts';

/** A history in its parts, as places in the list of messages. Together they are the whole. */
export interface HistoryParts {
  /** What is never touched: system messages, the first and the newest message of the user. */
  readonly essential: ReadonlySet<number>;
  /** Where the last turns begin. Everything from here on stays. */
  readonly tailStart: number;
  /** What may be summarised: whole pairs of tool calls and results. */
  readonly middle: readonly number[];
}

/** Splits a history so that the newest `keepLast` messages, the task and the system messages stay, and no pair is torn. */
export function historyParts(messages: readonly MessageView[], keepLast: number): HistoryParts {
  const askers = askersOf(messages);
  let tailStart = Math.max(0, messages.length - keepLast);
  for (let place = messages.length - 1; place >= tailStart; place -= 1) tailStart = Math.min(tailStart, askers[place] ?? tailStart);
  const isUser = ({ role }: MessageView): boolean => role === 'user';
  const essential = new Set([messages.findIndex(isUser), messages.findLastIndex(isUser)]);
  essential.delete(-1);
  messages.forEach(({ role }, place) => role === 'system' && essential.add(place));
  const middle = messages.map((_, place) => place).filter((place) => place < tailStart && !essential.has(place));
  return { essential, tailStart, middle };
}

/** The text of the newest message of the user: what the run is about. */
export const taskOf = (messages: readonly MessageView[]): string => messages.findLast(({ role }) => role === 'user')?.text ?? '';

/** Keeps everything, and puts a message of the user's role below it: the prompt cache and all pairs stay valid. */
export const withLastMessage = (messages: readonly MessageView[], text: string): readonly MessageEdit[] => [
  ...messages.map((_, index): MessageEdit => ({ kind: 'keep', index })),
  { kind: 'insert', role: 'user', text },
];

/** Keeps everything but the messages of `middle`, in whose place one text stands. */
export function withSummary(messages: readonly MessageView[], middle: readonly number[], text: string): readonly MessageEdit[] {
  const left = new Set(middle);
  return messages.flatMap((_, index): MessageEdit[] => {
    if (index === middle[0]) return [{ kind: 'insert', role: 'user', text }];
    return left.has(index) ? [] : [{ kind: 'keep', index }];
  });
}
