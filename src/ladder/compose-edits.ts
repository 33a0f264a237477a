import type { CallEdits, MessageEdit } from '../core/offer.ts';

/**
 * Edits on top of edits, as one: `then` was made for the call as `first` left it, the result is told against the original.
 * Where both say something of the same part, `then` has seen the other and wins; notes are joined.
 *
 * @example
 * const short = composeEdits({ model: { name: 'gpt-4o-mini' } }, { maxOutputTokens: 300 });
 * // { model: { name: 'gpt-4o-mini' }, maxOutputTokens: 300 }
 */
export function composeEdits(first: CallEdits, then: CallEdits): CallEdits {
  const messages = then.messages ? composeMessages(first.messages, then.messages) : first.messages;
  const notes = [first.note, then.note].filter((note) => note !== undefined);
  return {
    ...first,
    ...then,
    ...(messages ? { messages } : {}),
    ...(notes.length > 0 ? { note: notes.join('\n\n') } : {}),
  };
}

function composeMessages(first: readonly MessageEdit[] | undefined, then: readonly MessageEdit[]): readonly MessageEdit[] {
  if (!first) return then;
  return then.flatMap((edit): MessageEdit[] => {
    if (edit.kind === 'insert') return [edit];
    const earlier = first[edit.index];
    if (!earlier) return [];
    if (edit.kind === 'keep') return [earlier];
    return [earlier.kind === 'insert' ? { ...earlier, text: edit.text } : { kind: 'replace', index: earlier.index, text: edit.text }];
  });
}

/** Whether edits change anything at all. */
export const changesSomething = (edits: CallEdits): boolean => Object.values(edits).some((value) => value !== undefined);
