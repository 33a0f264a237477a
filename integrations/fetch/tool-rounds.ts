import type { Run, ToolCallView } from 'holdfast';
import type { ToolOutcome } from './protocols/protocol.ts';

interface Round {
  /** What the model asked for and nobody has answered yet, by id. */
  readonly asked: Map<string, ToolCallView>;
  /** Tool steps that were made here. */
  made: number;
  /** Tool steps of other doors when the model last asked. */
  others: number;
}

/** How many calls of one run are waited for; the oldest are forgotten first. */
const ASKED_MAX = 1_000;

const rounds = new WeakMap<Run, Round>();

const toolCallsOf = (run: Run): number => run.report().used.toolCalls;

/** Notes what a model has asked for in a run. */
export function noteAsked(run: Run, calls: readonly ToolCallView[]): void {
  if (calls.length === 0) return;
  const round = rounds.get(run) ?? { asked: new Map(), made: 0, others: 0 };
  rounds.set(run, round);
  round.others = toolCallsOf(run) - round.made;
  for (const call of calls) if (call.id !== undefined) round.asked.set(call.id, call);
  for (const oldest of round.asked.keys()) {
    if (round.asked.size <= ASKED_MAX) break;
    round.asked.delete(oldest);
  }
}

/**
 * Makes steps of the tools whose results have come: they were called where this door does not reach, so they are counted
 * and judged now, when it is too late to refuse them. Where another door of the run has made steps of its tools
 * meanwhile, they are left to it. Throws the halt's error where they are too many.
 */
export async function meterResults(run: Run, results: readonly ToolOutcome[]): Promise<void> {
  const round = rounds.get(run);
  if (!round || round.asked.size === 0) return;
  const isSeenElsewhere = toolCallsOf(run) - round.made > round.others;
  for (const { id, output, isError } of results) {
    const call = round.asked.get(id);
    if (!call) continue;
    round.asked.delete(id);
    if (isSeenElsewhere) continue;
    // An answer may be offered where the run is about to end: the tool has been called, and the model call ends the run.
    const step = await run.begin({ kind: 'tool', ...call }, { canEdit: ['answer'] });
    round.made += 1;
    await step.end({ output, isError });
  }
}
