import type { MessageView, ModelCall } from '../../core/step.ts';
import type { CountedPart, Histories, Places } from './histories.ts';
import { jsonText } from './json-text.ts';
import { hasSources, sourcesOf, textOf, textsOf, type Sources } from './message-texts.ts';

/** What is remembered by identity, for as long as the host keeps its objects. */
export interface CountedParts {
  readonly histories: Histories;
  /** Schemas, under the first of their list. */
  readonly schemas: WeakMap<object, CountedPart>;
}

/** A part of a call that must be counted. */
export interface OpenPart {
  readonly kind: 'text' | 'schemas';
  /** Its texts that are not known. */
  readonly texts: readonly string[];
  /** The tokens of its other texts. */
  readonly known: number;
  /** Remembers what it comes to. */
  readonly keep: (tokens: number) => void;
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
  { histories, schemas }: CountedParts,
  recall: Recall,
): SplitCall {
  const split: { text: number; schemas: number; open: OpenPart[] } = { text: 0, schemas: 0, open: [] };

  const add = (kind: OpenPart['kind'], texts: readonly string[], keep: OpenPart['keep']): void => {
    let known = 0;
    let unseen: string[] | undefined;
    for (const text of texts) {
      const tokens = text === '' ? 0 : recall(text);
      if (tokens === undefined) (unseen ??= []).push(text);
      else known += tokens;
    }
    if (unseen !== undefined) {
      split.open.push({ kind, texts: unseen, known, keep });
      return;
    }
    split[kind] += known;
    keep(known);
  };

  const addSchemas = (owner: object, given: readonly unknown[], toText: () => string): void => {
    const before = schemas.get(owner);
    if (before !== undefined && isSameList(before.sources.others, given)) split.schemas += before.tokens;
    else {
      const sources: Sources = { ...noSources, others: [...given] };
      add('schemas', [toText()], (tokens) => void schemas.set(owner, { sources, tokens }));
    }
  };

  // Not within the loop: what a closure sees is made anew for every message there, also for those that are known.
  const addMessage = (message: MessageView, places: Places, place: number): void => {
    const sources = sourcesOf(message);
    add('text', textsOf(sources), (tokens) => void (places[place] = { sources, tokens }));
  };

  if (messages !== undefined && !Array.isArray(messages)) throw new TypeError('messages must be a list');
  if (tools !== undefined && !Array.isArray(tools)) throw new TypeError('tools must be a list');
  if (messages !== undefined && messages.length > 0) {
    const places = histories.placesOf(messages);
    for (let place = 0; place < messages.length; place++) {
      const message = messages[place]!;
      const before = places[place];
      if (before !== undefined && hasSources(message, before.sources)) split.text += before.tokens;
      else addMessage(message, places, place);
    }
    if (places.length > messages.length) places.length = messages.length;
  }
  if (input !== undefined) add('text', [textOf(input)], forget);
  if (tools !== undefined && tools.length > 0) {
    const [first] = tools;
    addSchemas(isObject(first) ? first : tools, tools, () => jsonText(tools));
  }
  if (isObject(outputSchema)) addSchemas(outputSchema, [outputSchema], () => jsonText(outputSchema));
  else if (outputSchema !== undefined) add('schemas', [jsonText(outputSchema)], forget);
  return split;
}

const forget = (): void => {};

const noSources: Sources = { text: undefined, name: undefined, others: [] };

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
