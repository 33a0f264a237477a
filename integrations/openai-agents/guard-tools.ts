import type { FunctionTool, Tool } from '@openai/agents';
import { untilAborted, type Step, type ToolCall } from 'holdfast';
import { agentRuns } from './agent-runs.ts';
import { haltAnswer, noteRefusal } from './answers.ts';
import { noteSeen } from './unseen-calls.ts';
import { detached, eitherSignal, type AnyGuard } from './host.ts';

/**
 * The same tools, each call of which is a step: held before, judged after, answered by the guard where its offer says so, and no
 * longer waited for when the run is halted: the call's result then says so, so that every call has one, and the model is not
 * asked again. Hosted tools, which the provider runs, stay as they are. A tool made of an agent (`agent.asTool`) is a step
 * with a run of its own inside; the SDK knows such a tool by its identity, so it is guarded in its place.
 *
 * @example
 * const agent = new Agent({ name: 'Writer', tools: guardTools([search, readPage], guard) });
 */
export const guardTools = <T extends Tool>(tools: readonly T[], guard: AnyGuard): T[] => tools.map((tool) => guardTool(tool, guard));

const guarded = new WeakMap<object, Set<AnyGuard>>();

function guardTool<T extends Tool>(tool: T, guard: AnyGuard): T {
  if (tool.type !== 'function' || guarded.get(tool)?.has(guard)) return tool;
  const changed = { invoke: guardedInvoke(tool, guard) };
  const same = isAgentTool(tool)
    ? Object.assign(tool, changed)
    : Object.assign(Object.create(Object.getPrototypeOf(tool) as object) as T, tool, changed);
  guarded.set(same, new Set([...(guarded.get(tool) ?? []), guard]));
  return same;
}

/** Tools of agents take listeners. */
const isAgentTool = (tool: object): boolean => typeof (tool as { on?: unknown }).on === 'function';

type Invoke = FunctionTool['invoke'];

function guardedInvoke(tool: FunctionTool, guard: AnyGuard): Invoke {
  const invoke: Invoke = tool.invoke.bind(tool);
  return async (context, input, details) => {
    const seat = agentRuns(guard).ofToolCall();
    const { run } = seat;
    const call: ToolCall = {
      kind: 'tool',
      name: tool.name,
      args: parsed(input),
      id: details?.toolCall?.callId,
      ...(seat.agent === undefined ? {} : { agent: seat.agent }),
    };
    let step: Step | undefined;
    noteSeen(run, call.id);
    try {
      const begun = (step = await run.begin(call));
      seat.begun(begun);
      const { offer } = begun;
      if (offer.kind === 'answer' && !begun.isJoined) {
        await begun.end({ output: offer.output });
        return noted(offer.output, offer.note);
      }
      const signal = eitherSignal(details?.signal, run.signal);
      // The details carry hidden fields of the SDK's: they are inherited and not copied.
      const own = details ? (Object.create(details, { signal: { value: signal, enumerable: true } }) as typeof details) : { signal };
      const output: unknown = await untilAborted(
        run.signal,
        begun.within(() => invoke(context, input, own)),
      );
      await begun.end({ output, isError: isErrorText(output) });
      return offer.kind === 'call' && !begun.isJoined ? noted(output, offer.edits.note) : output;
    } catch (error) {
      await step?.fail(error);
      if (!run.haltError) throw error;
      noteRefusal(run);
      detached(haltAnswer(guard, run));
      return 'The run was stopped before this call was finished.';
    } finally {
      seat.leave(false);
    }
  };
}

/** What the SDK makes of a tool's error where the tool has no words of its own for it. */
const isErrorText = (output: unknown): boolean =>
  typeof output === 'string' && output.startsWith('An error occurred while running the tool. Please try again. Error:');

/** A result with the guard's note below it; anything that is no text stays as it is. */
const noted = (output: unknown, note: string | undefined): unknown =>
  note === undefined || typeof output !== 'string' ? output : `${output}\n\n${note}`;

function parsed(input: string): unknown {
  try {
    return JSON.parse(input) as unknown;
  } catch {
    return input;
  }
}
