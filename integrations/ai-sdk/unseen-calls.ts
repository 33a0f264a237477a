import type { Run, ToolCallView } from 'holdfast';
import { fieldsOf, recordsOf, type Prompt } from './host.ts';

/** How many calls of one run are waited for; the oldest are forgotten first. */
const ASKED_MAX = 1_000;

const askedIn = new WeakMap<Run, Map<string, ToolCallView>>();

/** Notes what a model has asked for. */
export function noteAsked(run: Run, calls: readonly ToolCallView[]): void {
  const asked = askedIn.get(run) ?? new Map<string, ToolCallView>();
  askedIn.set(run, asked);
  for (const call of calls) if (call.id !== undefined) asked.set(call.id, call);
  for (const oldest of asked.keys()) {
    if (asked.size <= ASKED_MAX) break;
    asked.delete(oldest);
  }
}

/** A guarded tool has taken a call: it is a step already. */
export const noteSeen = (run: Run, id: string | undefined): void => void (id !== undefined && askedIn.get(run)?.delete(id));

/**
 * Makes steps of what no door has seen: tools that are not guarded, and those that a browser or a person has done. Their
 * results end the next prompt, so they are counted and judged then, when it is too late to refuse them. Throws the halt's
 * error where they are too many.
 */
export async function meterUnseen(run: Run, prompt: Prompt): Promise<void> {
  const asked = askedIn.get(run);
  if (!asked || asked.size === 0) return;
  for (const { type, toolCallId, output } of recordsOf(prompt.at(-1)?.content)) {
    const call = type === 'tool-result' && typeof toolCallId === 'string' ? asked.get(toolCallId) : undefined;
    if (!call?.id) continue;
    asked.delete(call.id);
    const { type: kind, value } = fieldsOf(output);
    if (kind === 'execution-denied') continue;
    const step = await run.begin({ kind: 'tool', ...call }, { canEdit: ['answer'] });
    await step.end({ output: value, isError: kind === 'error-text' || kind === 'error-json' });
  }
}
