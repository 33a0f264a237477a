import { pauseRun, resumeRun, stopRun, type HandOver, type HandoffDecision, type HandoffPackage } from 'holdfast';
import { hasAnswers, heeded, toPassOver } from './answered-handoffs.ts';
import { currentNode } from './graph-node.ts';
import { isGraphBubbleUp } from './host-errors.ts';
import { recordsOf } from './message-views.ts';

/** What a person is asked, as the value of a LangGraph interrupt: the package of the hand-off as JSON-safe data. */
export interface HandoffInterrupt extends Omit<HandoffPackage, 'verdicts'> {
  readonly type: 'holdfast:handoff';
  readonly verdicts: readonly Readonly<Record<string, unknown>>[];
  /** Why the last answer could not be used; the same question is asked again. */
  readonly problem?: string;
}

/**
 * Asks a person by a LangGraph `interrupt`: the package is the interrupt's value, the graph stops at its checkpoint, and the
 * run waits for `Command({ resume })`, in this process or in another. The answer is one of
 *
 * - words, for the model: the run goes on, and a loop that it was in is forgotten;
 * - `{ words?, limits? }`: the same, with new limits of the run itself;
 * - `'stop'`, or `{ stop: reason }`: the run is halted in the name of the person;
 * - `{ answer }`: the answer of the run.
 *
 * An answer is heeded once, however often it arrives; one that is none of these is asked for again. Needs a checkpointer and a
 * graph: elsewhere the next rung is climbed.
 *
 * @example
 * const guard = createGuard({ ladder: [handoff(interruptHandoff())] });
 * const agent = guardAgent(createAgent({ model, tools, checkpointer }), guard);
 * const { __interrupt__ } = await agent.invoke({ messages }, thread); // __interrupt__[0].value.task, .reason, .report, …
 * await agent.invoke(new Command({ resume: { words: 'Look in the cellar.', limits: { steps: 100 } } }), thread);
 */
export const interruptHandoff = (): HandOver => async (handoff) => {
  const { interrupt } = await import('@langchain/langgraph');
  const node = currentNode();
  const ask = (problem?: string): unknown => interrupt(interruptOf(handoff, problem));
  try {
    if (node) passOver(handoff.runId, ask);
    for (let problem: string | undefined; ;) {
      const answer = ask(problem);
      if (node) heeded(handoff.runId, node.id, node.invocation);
      const decision = decisionOf(answer);
      if (typeof decision !== 'string') return 'output' in decision ? decision.output : decision.decision;
      problem = decision;
    }
  } catch (error) {
    if (isGraphBubbleUp(error)) return pauseRun(error);
    throw error;
  }
};

/** Passes over the answers that the run has heeded in the node around the caller, where LangGraph runs that again. */
export async function passHeededAnswers(runId: string): Promise<void> {
  if (!hasAnswers(runId)) return;
  const { interrupt } = await import('@langchain/langgraph');
  passOver(runId, () => interrupt({ type: 'holdfast:handoff' }));
}

function passOver(runId: string, ask: () => unknown): void {
  const node = currentNode();
  if (!node) return;
  for (let left = toPassOver(runId, node.id, node.invocation); left > 0; left -= 1) ask();
}

const interruptOf = (handoff: HandoffPackage, problem: string | undefined): HandoffInterrupt =>
  // Checkpointers keep data: the evidence of a verdict is a function, and stays here.
  JSON.parse(JSON.stringify({ type: 'holdfast:handoff', ...handoff, ...(problem === undefined ? {} : { problem }) })) as HandoffInterrupt;

const expected = "expected words, { words, limits }, 'stop', { stop: 'why' } or { answer }";

/** What a person has decided, or why it cannot be told. */
function decisionOf(answer: unknown): { readonly decision: HandoffDecision } | { readonly output: unknown } | string {
  if (answer === 'stop') return { decision: stopRun() };
  if (typeof answer === 'string')
    return answer.trim() === '' ? `${expected}, got an empty text` : { decision: resumeRun({ words: answer }) };
  const [fields] = recordsOf([answer]);
  if (!fields || Array.isArray(answer)) return `${expected}, got ${Array.isArray(answer) ? 'a list' : typeof answer}`;
  const { words, limits, stop, answer: output, ...others } = fields;
  const unknown = Object.keys(others);
  if (unknown.length > 0) return `${expected}, got a field "${unknown[0]?.slice(0, 40)}"`;
  if (output !== undefined) return { output };
  if (stop === true) return { decision: stopRun() };
  if (typeof stop === 'string') return { decision: stopRun(stop) };
  if (words !== undefined && typeof words !== 'string') return `${expected}, got words of type ${typeof words}`;
  if (limits !== undefined && recordsOf([limits]).length === 0) return `${expected}, got limits of type ${typeof limits}`;
  return {
    decision: resumeRun({ ...(words === undefined ? {} : { words }), ...(limits === undefined ? {} : { limits: limits as object }) }),
  };
}
