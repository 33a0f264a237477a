import type { MessageEdit } from '../core/offer.ts';
import type { MessageView } from '../core/step.ts';

/**
 * For each tool result the place of the message that asked for it: by its id, else the nearest one before it that asks
 * for tools. Undefined for all other messages, and for a result that nobody asked for.
 */
export function askersOf(messages: readonly MessageView[]): readonly (number | undefined)[] {
  const places = new Map<string, number>();
  let nearest: number | undefined;
  return messages.map((message, place) => {
    if (message.role === 'tool') return (message.toolCallId === undefined ? undefined : places.get(message.toolCallId)) ?? nearest;
    if (message.toolCalls && message.toolCalls.length > 0) {
      nearest = place;
      for (const { id } of message.toolCalls) if (id !== undefined) places.set(id, place);
    }
    return undefined;
  });
}

/**
 * Whether edits of a history leave it valid: in its order, nothing twice, each tool call together with its results, and
 * nothing new put between them. Providers answer anything else with an error.
 */
export function keepsPairs(messages: readonly MessageView[], edits: readonly MessageEdit[]): boolean {
  const askers = askersOf(messages);
  /** How many messages had been inserted before each one that is kept. */
  const insertsBefore = new Map<number, number>();
  let newest = -1;
  let inserts = 0;
  for (const edit of edits) {
    if (edit.kind === 'insert') {
      inserts += 1;
      continue;
    }
    const { index } = edit;
    if (!Number.isInteger(index) || index <= newest || index >= messages.length) return false;
    newest = index;
    insertsBefore.set(index, inserts);
    const asker = askers[index];
    if (asker !== undefined && insertsBefore.get(asker) !== inserts) return false;
  }
  return askers.every((asker, place) => asker === undefined || insertsBefore.has(asker) === insertsBefore.has(place));
}
