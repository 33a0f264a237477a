import type { MessageView, ModelCall } from '../../core/step.ts';
import { jsonText } from './json-text.ts';
import { hasSources, sourcesOf, textOf } from './message-texts.ts';

/** What is remembered of a part that was counted, for as long as the host keeps the object that it belongs to. */
export interface CountedPart {
  readonly sources: readonly unknown[];
  readonly tokens: number;
}

/** A part of a call that must be counted: its texts, and the object under which the count is to be remembered. */
export interface OpenPart {
  readonly kind: 'text' | 'schemas';
  readonly owner: object | undefined;
  readonly sources: readonly unknown[];
  readonly texts: readonly string[];
}

/** What of a call is known from before, and what must be counted. */
export interface SplitCall {
  readonly known: { text: number; schemas: number };
  readonly open: readonly OpenPart[];
}

/** Splits a call by what is remembered of its parts. A message or a list of tools with other values than before is open again. */
export function splitCall({ messages, input, tools, outputSchema }: ModelCall, counted: WeakMap<object, CountedPart>): SplitCall {
  const known = { text: 0, schemas: 0 };
  const open: OpenPart[] = [];

  for (const message of messages ?? []) {
    const owner = ownerOf(message);
    const before = counted.get(owner);
    if (before !== undefined && hasSources(message, before.sources)) {
      known.text += before.tokens;
      continue;
    }
    const sources = sourcesOf(message);
    open.push({ kind: 'text', owner, sources, texts: sources.filter((source) => source !== undefined).map(textOf) });
  }
  if (input !== undefined) open.push({ kind: 'text', owner: undefined, sources: [], texts: [textOf(input)] });

  const addSchema = (schema: unknown, sources: readonly unknown[]): void => {
    const owner = typeof schema === 'object' && schema !== null ? schema : undefined;
    const before = owner && counted.get(owner);
    if (before !== undefined && isSameList(before.sources, sources)) known.schemas += before.tokens;
    else open.push({ kind: 'schemas', owner, sources, texts: [jsonText(schema)] });
  };
  if (tools !== undefined && tools.length > 0) addSchema(tools, [...tools]);
  if (outputSchema !== undefined) addSchema(outputSchema, []);
  return { known, open };
}

/** The host's own message, which outlives the views that are made of it. */
const ownerOf = (message: MessageView): object => (typeof message.ref === 'object' && message.ref !== null ? message.ref : message);

const isSameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
