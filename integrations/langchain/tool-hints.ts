import type { ToolHints } from 'holdfast';
import { settingsOf } from './model-call.ts';

const names = ['readOnlyHint', 'idempotentHint', 'destructiveHint'] as const;

/** What a tool says of itself in MCP's words: in its `metadata`, or under `annotations` there, where adapters of MCP put it. */
export function toolHints(tool: unknown): ToolHints | undefined {
  const { metadata: given } = settingsOf(tool);
  if (given === undefined) return undefined;
  const metadata = settingsOf(given);
  const said = { ...metadata, ...settingsOf(metadata['annotations']) };
  const hints = names.flatMap((name) => (typeof said[name] === 'boolean' ? [[name, said[name]]] : []));
  return hints.length > 0 ? Object.fromEntries(hints) : undefined;
}
