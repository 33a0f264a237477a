import type { Run, ToolCall, ToolCallView } from 'holdfast';
import { fieldsOf, textOrNothing, type Item, type ModelRequest } from './host.ts';
import { callOf } from './item-views.ts';

interface Asked {
  readonly call: ToolCallView;
  readonly agent: string | undefined;
  /** The SDK hands over by itself: there is no tool that could be guarded. */
  readonly isHandover: boolean;
}

/** How many calls of one run are waited for; the oldest are forgotten first. */
const ASKED_MAX = 1_000;

const askedIn = new WeakMap<Run, Map<string, Asked>>();

/** Notes what a model has asked for. */
export function noteAsked(run: Run, output: readonly Item[], { handoffs }: ModelRequest, agent: string | undefined): void {
  const asked = askedIn.get(run) ?? new Map<string, Asked>();
  askedIn.set(run, asked);
  for (const item of output) {
    const call = callOf(item);
    if (call?.id) asked.set(call.id, { call, agent, isHandover: handoffs.some(({ toolName }) => toolName === call.name) });
  }
  for (const oldest of asked.keys()) {
    if (asked.size <= ASKED_MAX) break;
    asked.delete(oldest);
  }
}

/** A guarded tool has taken a call: it is a step already. */
export const noteSeen = (run: Run, id: string | undefined): void => void (id !== undefined && askedIn.get(run)?.delete(id));

/**
 * Makes steps of what no door has seen: hand-overs, and tools that are not guarded. Their results are in the input of the next
 * call, so they are counted and judged then, when it is too late to refuse them. Throws the halt's error where they are too many.
 */
export async function meterUnseen(run: Run, { input }: ModelRequest): Promise<void> {
  const asked = askedIn.get(run);
  if (!asked || asked.size === 0 || typeof input === 'string') return;
  const results = new Map(
    input.map(fieldsOf).flatMap(({ type, callId, output }) => (isResult(type) ? [[textOrNothing(callId), output]] : [])),
  );
  for (const [id, { call, agent, isHandover }] of asked) {
    if (!results.has(id) && !isHandover) continue;
    asked.delete(id);
    const toolCall: ToolCall = { kind: 'tool', name: call.name, args: call.args, id, ...(agent === undefined ? {} : { agent }) };
    const step = await run.begin(toolCall, { canEdit: ['answer'] });
    await step.end({ output: results.get(id) });
  }
}

const isResult = (type: unknown): boolean => typeof type === 'string' && (type.endsWith('_result') || type.endsWith('_output'));
