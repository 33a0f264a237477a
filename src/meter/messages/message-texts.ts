import type { MessageView } from '../../core/step.ts';
import { jsonText } from './json-text.ts';

/**
 * What of a message is counted as text, as the host gave it: its text, its name, its tool calls, the text of its files. Two views
 * of one message have the same sources, value by value, so that a count can be recognised without reading the texts.
 */
export function sourcesOf(message: MessageView): unknown[] {
  const sources: unknown[] = [message.text];
  if (message.name !== undefined) sources.push(message.name);
  for (const { name, args } of message.toolCalls ?? []) sources.push(name, args);
  for (const media of message.media ?? []) if (media.kind === 'file' && media.text !== undefined) sources.push(media.text);
  return sources;
}

/** A source as the text that goes over the wire. A host may hand over what its types deny: all but strings become JSON. */
export const textOf = (source: unknown): string => (typeof source === 'string' ? source : jsonText(source));
