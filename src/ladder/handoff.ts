import type { Halt } from '../core/halt.ts';
import type { RunReport } from '../core/report.ts';
import type { Call, MessageView, ModelCall, ToolCallView } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import { extractiveSummary } from './extract.ts';
import { taskOf } from './history.ts';
import { askersOf } from './pairs.ts';
import { decisionIn, resumeRun } from './run-decision.ts';
import { checkFigures, checkFunction, count } from './rung-options.ts';
import type { PrepareContext, Rung, RungContext } from './rung.ts';

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

/**
 * Takes a run over. What it returns is the answer of the run; undefined gives a sentence that says that it was handed over;
 * `resumeRun(…)` lets it go on, `stopRun()` halts it, `pauseRun(error)` leaves it waiting for an answer that comes later.
 */
export type HandOver = (handoff: HandoffPackage, options: { readonly signal: AbortSignal }) => unknown;

/** How long and how often a run may wait for whoever takes it over. */
export interface HandoffOptions {
  /** How long the function may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How often one run may be handed over, when it goes on after a hand-off. Default 3. */
  readonly most?: number | undefined;
  /** How many of the newest messages go into the package. Default 10. */
  readonly lastMessages?: number | undefined;
}

/**
 * Passes the run to a person or another agent, and ends it with the answer that comes back. A function that throws or
 * takes too long is reported, and the next rung is climbed.
 *
 * @example handoff(async (run) => `I have passed this to a colleague: ticket ${await openTicket(run.task, run.summary)}.`)
 */
export function handoff(fn: HandOver, { timeoutMs = 30_000, lastMessages = 10, most = 3 }: HandoffOptions = {}): Rung {
  checkFunction('handoff', 'fn', fn);
  checkFigures('handoff', {
    most: [most, count],
    timeoutMs: [timeoutMs, { least: 1, most: 7 * 86_400_000 }],
    lastMessages: [lastMessages, { least: 0, most: 1_000, isWhole: true }],
  });
  /** What came back for a call and has not been heeded yet. */
  const returned = new WeakMap<Call, unknown>();
  /** Hand-offs under way, by the notes that they belong to and by run. */
  const underWay = new WeakMap<object, Map<string, Promise<unknown>>>();

  const ask = async (call: ModelCall, halt: Halt, context: PrepareContext, times: number): Promise<unknown> => {
    const { memory, signal } = context;
    const { runId } = halt;
    // Noted first: a function that fails is not asked again for this run.
    note(memory, runId, { times: most });
    const answer = (await fn(handoffPackage(call, halt, context, lastMessages), { signal })) ?? HANDED_OVER;
    const decided = decisionIn(answer)?.kind;
    note(memory, runId, { times: decided === 'wait' ? times : decided === 'resume' ? times + 1 : most });
    return answer;
  };

  return {
    name: 'handoff',
    loop: 'halt',
    isTerminal: true,
    isPause: true,
    prepareTimeoutMs: timeoutMs,
    async prepare(call, context) {
      const { memory, halt } = context;
      returned.delete(call);
      if (call.kind !== 'model' || !halt) return;
      const { runId } = halt;
      const asked = underWay.get(memory) ?? new Map<string, Promise<unknown>>();
      underWay.set(memory, asked);
      for (let other = asked.get(runId); other; other = asked.get(runId)) {
        const decided = decisionIn(await other.catch(() => undefined))?.kind;
        // One person is asked for calls that are made at the same time. Where they wait, each waits in a place of its own.
        if (decided === 'resume') return void returned.set(call, resumeRun());
        if (decided !== 'wait') return;
      }
      const { times } = handedOver(memory, runId);
      if (times >= most) return;
      const asking = ask(call, halt, context, times);
      asked.set(runId, asking);
      try {
        returned.set(call, await asking);
      } finally {
        asked.delete(runId);
      }
    },
    offer(call, { halt }) {
      const answer = returned.get(call);
      if (!halt || answer === undefined) return undefined;
      const decision = decisionIn(answer);
      return decision
        ? { kind: 'decision', decision, detail: details[decision.kind] }
        : { kind: 'answer', output: answer, detail: 'handed over' };
    },
  };
}

const details = {
  stop: 'a person stopped the run',
  resume: 'a person let the run go on',
  wait: 'a person was asked',
} as const;

const HANDED_OVER = 'This could not be finished here and was handed over.';
const REMEMBERED_RUNS = 64;

/** How often a run was handed over. */
interface HandedOver {
  readonly times: number;
}

const handedOver = (memory: ReadonlyMap<string, unknown>, runId: string): HandedOver =>
  (memory.get(runId) as HandedOver | undefined) ?? { times: 0 };

function note(memory: Map<string, unknown>, runId: string, handed: HandedOver): void {
  memory.delete(runId);
  memory.set(runId, handed);
  for (const oldest of memory.keys()) {
    if (memory.size <= REMEMBERED_RUNS) break;
    memory.delete(oldest);
  }
}

/** What a run hands over. */
function handoffPackage({ messages = [], input }: ModelCall, halt: Halt, context: RungContext, lastMessages: number): HandoffPackage {
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
