import type { MessageView, ModelCall } from '../../core/step.ts';
import { jsonText } from './json-text.ts';
import { hasSources, sourcesOf, textOf, textsOf, type Sources } from './message-texts.ts';

/** What is remembered of a part that was counted. */
interface CountedPart {
  readonly sources: Sources;
  readonly tokens: number;
}

/** What is remembered by identity, for as long as the host keeps its objects. */
export interface CountedParts {
  /** The messages of a history by their places, under its first: one weak look-up a call, however long the history. */
  readonly histories: WeakMap<object, (CountedPart | undefined)[]>;
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

  /** `keep` is called for what was counted; for what was known by content only where it is worth more than to compare it again. */
  const add = (kind: OpenPart['kind'], texts: readonly string[], keep: OpenPart['keep'], isWorthKeeping: boolean): void => {
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
    if (isWorthKeeping) keep(known);
  };

  const addSchemas = (owner: object, given: readonly unknown[], toText: () => string): void => {
    const before = schemas.get(owner);
    if (before !== undefined && isSameList(before.sources.others, given)) split.schemas += before.tokens;
    else {
      const sources: Sources = { ...noSources, others: [...given] };
      add('schemas', [toText()], (tokens) => void schemas.set(owner, { sources, tokens }), true);
    }
  };

  // Not within the loop: what a closure sees is made anew for every message there, also for those that are known.
  const addMessage = (message: MessageView, places: (CountedPart | undefined)[], place: number, isWorthKeeping: boolean): void => {
    const sources = sourcesOf(message);
    add('text', textsOf(sources), (tokens) => void (places[place] = { sources, tokens }), isWorthKeeping);
  };

  if (messages !== undefined && messages.length > 0) {
    const anchor = anchorOf(messages);
    const known = histories.get(anchor);
    const places = known ?? [];
    if (known === undefined) histories.set(anchor, places);
    for (let place = 0; place < messages.length; place++) {
      const message = messages[place]!;
      const before = places[place];
      if (before !== undefined && hasSources(message, before.sources)) split.text += before.tokens;
      // A history that a framework makes anew at every turn is not met again by identity.
      else addMessage(message, places, place, known !== undefined);
    }
    if (places.length > messages.length) places.length = messages.length;
  }
  if (input !== undefined) add('text', [textOf(input)], forget, false);
  if (tools !== undefined && tools.length > 0) {
    const [first] = tools;
    addSchemas(isObject(first) ? first : tools, tools, () => jsonText(tools));
  }
  if (isObject(outputSchema)) addSchemas(outputSchema, [outputSchema], () => jsonText(outputSchema));
  else if (outputSchema !== undefined) add('schemas', [jsonText(outputSchema)], forget, false);
  return split;
}

const forget = (): void => {};

/** The message that tells one history from another: the first, but for the agent's own instructions. */
const anchorOf = (messages: readonly MessageView[]): object => ownerOf(messages.find(({ role }) => role !== 'system') ?? messages[0]!);

const noSources: Sources = { text: undefined, name: undefined, others: [] };

/** The host's own message, which outlives the views that are made of it. */
const ownerOf = (message: MessageView): object => (isObject(message.ref) ? message.ref : message);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
