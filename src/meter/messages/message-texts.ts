import type { MessageView } from '../../core/step.ts';
import { jsonText } from './json-text.ts';

/** What of a message or a list of schemas is counted as text, as the host gave it, to tell later whether it is still the same. */
export interface Sources {
  readonly text: unknown;
  readonly name: unknown;
  /** Names and arguments of tool calls, texts of files; or the schemas of tools. */
  readonly others: readonly unknown[];
}

const none: readonly unknown[] = [];

/** What of a message is counted as text. Two views of one message have the same sources, value by value. */
export function sourcesOf({ text, name, toolCalls, media }: MessageView): Sources {
  if (toolCalls === undefined && media === undefined) return { text, name, others: none };
  const others: unknown[] = [];
  if (toolCalls !== undefined) for (const call of toolCalls) others.push(call.name, call.args);
  if (media !== undefined) for (const part of media) if (part.kind === 'file') others.push(part.text);
  return { text, name, others };
}

/**
 * Whether a message still has these sources. This is asked of every message of a history at every turn, so nothing is made for it,
 * and texts that are the same string are not read.
 */
export function hasSources({ text, name, toolCalls, media }: MessageView, sources: Sources): boolean {
  if (sources.text !== text || sources.name !== name) return false;
  const { others } = sources;
  let index = 0;
  if (toolCalls !== undefined) {
    for (const call of toolCalls) if (others[index++] !== call.name || others[index++] !== call.args) return false;
  }
  if (media !== undefined) {
    for (const part of media) if (part.kind === 'file' && others[index++] !== part.text) return false;
  }
  return index === others.length;
}

/**
 * A source as the text that goes over the wire. A host may hand over what its types deny: all but strings become JSON, and what is
 * not there is no text.
 */
export const textOf = (source: unknown): string => (typeof source === 'string' ? source : source === undefined ? '' : jsonText(source));

/** The texts of these sources, in order. */
export const textsOf = ({ text, name, others }: Sources): string[] =>
  name === undefined && others.length === 0 ? [textOf(text)] : [text, name, ...others].map(textOf);
