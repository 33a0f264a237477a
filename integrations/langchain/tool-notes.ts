import { ToolMessage } from '@langchain/core/messages';
import { withContent } from './edited-messages.ts';

/** A tool's result with the guard's note below it; anything that has no text stays as it is. */
export function notedResult(output: unknown, note: string | undefined): unknown {
  if (note === undefined) return output;
  if (typeof output === 'string') return `${output}\n\n${note}`;
  if (!ToolMessage.isInstance(output)) return output;
  const { content } = output;
  return withContent(output, typeof content === 'string' ? `${content}\n\n${note}` : [...content, { type: 'text', text: note }]);
}
