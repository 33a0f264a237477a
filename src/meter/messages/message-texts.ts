import type { MessageView } from '../../core/step.ts';
import { jsonText } from './json-text.ts';

/**
 * What of a message is counted as text, as the host gave it: its text, its name, its tool calls, the text of its files. Two views
 * of one message have the same sources, value by value.
 */
export function sourcesOf(message: MessageView): unknown[] {
  const sources: unknown[] = [message.text, message.name];
  if (message.toolCalls !== undefined) for (const { name, args } of message.toolCalls) sources.push(name, args);
  if (message.media !== undefined) for (const media of message.media) if (media.kind === 'file') sources.push(media.text);
  return sources;
}

/**
 * Whether a message still has these sources. This is asked of every message of a history at every turn, so nothing is made for it,
 * and texts that are the same string are not read.
 */
export function hasSources({ text, name, toolCalls, media }: MessageView, sources: readonly unknown[]): boolean {
  if (sources[0] !== text || sources[1] !== name) return false;
  let index = 2;
  if (toolCalls !== undefined) {
    for (const call of toolCalls) if (sources[index++] !== call.name || sources[index++] !== call.args) return false;
  }
  if (media !== undefined) {
    for (const part of media) if (part.kind === 'file' && sources[index++] !== part.text) return false;
  }
  return index === sources.length;
}

/**
 * A source as the text that goes over the wire. A host may hand over what its types deny: all but strings become JSON, and what is
 * not there is no text.
 */
export const textOf = (source: unknown): string => (typeof source === 'string' ? source : jsonText(source));
