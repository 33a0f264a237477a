import type { MessageView, ModelCall } from '../../core/step.ts';
import { jsonText } from './json-text.ts';
import { hasSources, sourcesOf, textOf, textsOf, type Sources } from './message-texts.ts';

/** What is remembered of a part that was counted, for as long as the host keeps the object that it belongs to. */
export interface CountedPart {
  readonly sources: Sources;
  readonly tokens: number;
}

/** A part of a call that must be counted, and the object under which its count is to be remembered. */
export interface OpenPart {
  readonly kind: 'text' | 'schemas';
  readonly owner: object | undefined;
  readonly sources: Sources;
  /** Its texts that are not known. */
  readonly texts: readonly string[];
  /** The tokens of its other texts. */
  readonly known: number;
}

/** What of a call is known from before, in tokens, and what must be counted. */
export interface SplitCall {
  text: number;
  schemas: number;
  readonly open: readonly OpenPart[];
}

/** The remembered count of a text, or undefined. */
export type Recall = (text: string) => number | undefined;

/**
 * Splits a call by what is remembered of its parts, by identity or else by content. A message or a list of tools with other values than
 * before is looked at anew.
 */
export function splitCall(
  { messages, input, tools, outputSchema }: ModelCall,
  counted: WeakMap<object, CountedPart>,
  recall: Recall,
): SplitCall {
  const split: { text: number; schemas: number; open: OpenPart[] } = { text: 0, schemas: 0, open: [] };

  const add = (kind: OpenPart['kind'], owner: object | undefined, sources: Sources, texts: readonly string[]): void => {
    let known = 0;
    let unseen: string[] | undefined;
    for (const text of texts) {
      const tokens = text === '' ? 0 : recall(text);
      if (tokens === undefined) (unseen ??= []).push(text);
      else known += tokens;
    }
    if (unseen !== undefined) {
      split.open.push({ kind, owner, sources, texts: unseen, known });
      return;
    }
    split[kind] += known;
    // A message that is made anew at every turn is not met again, and to hold it weakly costs more than to compare its text. Schemas are
    // few, and to write them as JSON costs more.
    if (kind === 'schemas' && owner !== undefined) counted.set(owner, { sources, tokens: known });
  };

  if (messages !== undefined) {
    for (const message of messages) {
      const owner = ownerOf(message);
      const before = counted.get(owner);
      if (before !== undefined && hasSources(message, before.sources)) split.text += before.tokens;
      else {
        const sources = sourcesOf(message);
        add('text', owner, sources, textsOf(sources));
      }
    }
  }
  if (input !== undefined) add('text', undefined, noSources, [textOf(input)]);
  if (tools !== undefined && tools.length > 0) {
    const before = counted.get(tools);
    if (before !== undefined && isSameList(before.sources.others, tools)) split.schemas += before.tokens;
    else add('schemas', tools, { ...noSources, others: [...tools] }, [jsonText(tools)]);
  }
  if (outputSchema !== undefined) {
    const owner = isObject(outputSchema) ? outputSchema : undefined;
    const before = owner && counted.get(owner);
    if (before !== undefined) split.schemas += before.tokens;
    else add('schemas', owner, noSources, [jsonText(outputSchema)]);
  }
  return split;
}

const noSources: Sources = { text: undefined, name: undefined, others: [] };

/** The host's own message, which outlives the views that are made of it. */
const ownerOf = (message: MessageView): object => (isObject(message.ref) ? message.ref : message);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
