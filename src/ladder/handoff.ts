import type { Halt } from '../core/halt.ts';
import type { RunReport } from '../core/report.ts';
import type { MessageView, ModelCall, ToolCallView } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import { extractiveSummary } from './extract.ts';
import { taskOf } from './history.ts';
import { askersOf } from './pairs.ts';
import { checkFigures, checkFunction } from './rung-options.ts';
import type { Rung, RungContext } from './rung.ts';

/** Everything that a person or another agent needs to take a run over. It holds content: where it goes is the user's choice. */
export interface HandoffPackage {
  readonly runId: string;
  readonly tenant: string;
  readonly scopes: Readonly<Record<string, string>>;
  /** Why the run is handed over. */
  readonly reason: string;
  readonly halt: Halt;
  /** The newest message of the user. */
  readonly task: string;
  /** What was done so far, a line each; made without a model. */
  readonly summary: string;
  /** What it has cost, step by step figures included. */
  readonly report: RunReport;
  readonly verdicts: readonly Verdict[];
  /** The newest messages, without the host's own objects. */
  readonly lastMessages: readonly MessageView[];
  /** Tool calls that were asked for and have no result. */
  readonly pendingCalls: readonly ToolCallView[];
}

/** Takes a run over. What it returns is the answer of the run; undefined gives a sentence that says that it was handed over. */
export type HandOver = (handoff: HandoffPackage, options: { readonly signal: AbortSignal }) => unknown;

export interface HandoffOptions {
  /** How long the function may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How many of the newest messages go into the package. Default 10. */
  readonly lastMessages?: number | undefined;
}

/**
 * Passes the run to a person or another agent, and ends it with the answer that comes back. A function that throws or
 * takes too long is reported, and the next rung is climbed.
 *
 * @example handoff(async (run) => `I have passed this to a colleague: ticket ${await openTicket(run.task, run.summary)}.`)
 */
export function handoff(fn: HandOver, { timeoutMs = 30_000, lastMessages = 10 }: HandoffOptions = {}): Rung {
  checkFunction('handoff', 'fn', fn);
  checkFigures('handoff', {
    timeoutMs: [timeoutMs, { least: 1, most: 7 * 86_400_000 }],
    lastMessages: [lastMessages, { least: 0, most: 1_000, isWhole: true }],
  });
  return {
    name: 'handoff',
    loop: 'halt',
    isTerminal: true,
    prepareTimeoutMs: timeoutMs,
    async prepare(call, context) {
      const { memory, halt, signal } = context;
      if (call.kind !== 'model' || !halt || (memory.get('handed') as Handed | undefined)?.runId === halt.runId) return;
      // Once per run: a ticket is not opened twice because a call was tried twice.
      memory.set('handed', { runId: halt.runId } satisfies Handed);
      const answer = await fn(handoffPackage(call, halt, context, lastMessages), { signal });
      memory.set('handed', {
        runId: halt.runId,
        answer: answer ?? 'This could not be finished here and was handed over.',
      } satisfies Handed);
    },
    offer(_call, { memory, halt }) {
      const handed = memory.get('handed') as Handed | undefined;
      if (handed?.answer === undefined || handed.runId !== halt?.runId) return undefined;
      return { kind: 'answer', output: handed.answer, detail: 'handed over' };
    },
  };
}

/** Which run was handed over, and the answer, once it is there. */
interface Handed {
  readonly runId: string;
  readonly answer?: unknown;
}

/** What a run hands over. */
export function handoffPackage(
  { messages = [], input }: ModelCall,
  halt: Halt,
  context: RungContext,
  lastMessages: number,
): HandoffPackage {
  const report = context.report();
  const views = messages.map(({ ref: _ref, ...view }): MessageView => view);
  return {
    runId: halt.runId,
    tenant: report.tenant,
    scopes: report.scopes,
    reason: halt.reason,
    halt,
    task: messages.length > 0 ? taskOf(messages) : (input ?? ''),
    summary: extractiveSummary(views, 800, context.count),
    report,
    verdicts: report.verdicts,
    lastMessages: lastMessages > 0 ? views.slice(-lastMessages) : [],
    pendingCalls: pendingCalls(views),
  };
}

function pendingCalls(messages: readonly MessageView[]): ToolCallView[] {
  const askers = askersOf(messages);
  return messages.flatMap(({ toolCalls = [] }, place) => {
    const results = messages.filter((_, at) => askers[at] === place);
    return toolCalls.filter(({ id }, nth) =>
      id === undefined ? nth >= results.length : !results.some(({ toolCallId }) => toolCallId === id),
    );
  });
}
