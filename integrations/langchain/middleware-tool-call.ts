import { ToolMessage } from '@langchain/core/messages';
import { untilAborted, type Run, type Step, type ToolCall, type ToolHints } from 'holdfast';
import type { Built } from './built.ts';
import { feltHalt } from './felt-halts.ts';
import { haltAnswer } from './halt-answers.ts';
import { agentIn, replayKey } from './graph-node.ts';
import { isGraphBubbleUp, isMiddlewareError, isParentCommand, isToolInvocationError } from './host-errors.ts';
import { passedOn, type MiddlewareHost } from './middleware-host.ts';
import type { Afterwards, MiddlewareRuntime } from './middleware-runs.ts';
import { settingsOf } from './model-call.ts';
import { toolResult } from './step-result.ts';
import { toolHints } from './tool-hints.ts';
import { notedResult } from './tool-notes.ts';
import { detached } from './detached.ts';

/** The part of `createAgent`'s tool request that the guard reads. */
export interface ToolHookRequest {
  readonly toolCall: { readonly name: string; readonly args?: unknown; readonly id?: string | undefined };
  /** The tool itself; undefined for a name that the agent has no tool for. */
  readonly tool?: unknown;
  readonly runtime: MiddlewareRuntime;
}

export type ToolHookNext = (request: ToolHookRequest) => Promise<unknown>;

/** One tool call of an agent, as a step. Calls of unknown tools and calls with arguments that do not fit are seen here too. */
export async function guardedToolCall(host: MiddlewareHost, request: ToolHookRequest, next: ToolHookNext): Promise<unknown> {
  const found = host.runs.runOf(request.runtime, false);
  return toolStep(host, found instanceof Promise ? await found : found, request, next);
}

async function toolStep(host: MiddlewareHost, run: Run, request: ToolHookRequest, next: ToolHookNext): Promise<unknown> {
  const { toolCall } = request;
  let step: Step | undefined;
  let then: Afterwards = 'more';
  try {
    const { thread_id: threadId, checkpoint_ns: node } = settingsOf(request.runtime.configurable);
    const call = callOf(toolCall, toolHints(request.tool), agentIn(node).agent);
    const begun = await run.begin(call, { replayKey: replayKey(threadId, node, toolCall.id) });
    step = begun;
    const { offer } = step;
    if (offer.kind === 'answer') {
      await step.end({ output: offer.output });
      return notedResult(resultOf(toolCall, textOf(offer.output)), offer.note);
    }
    // A halted run does not wait for its tools: the agent is to end in order, and soon.
    const output = await untilAborted(
      run.signal,
      begun.within(() => next(request)),
    );
    await step.end(toolResult(output));
    return notedResult(output, offer.edits.note);
  } catch (error) {
    if (isParentCommand(error)) {
      await step?.end(toolResult(error.command));
      throw error;
    }
    if (isGraphBubbleUp(error)) {
      // The tool waits for a person and is called again when the answer is there: that call is the one that counts.
      then = 'wait';
      await step?.release();
      throw error;
    }
    await step?.fail(error);
    // The halt is told at the next model call, with an answer or an error: until then the conversation must stay valid.
    if (feltHalt(run)) {
      detached(haltAnswer(host.guard, run));
      return resultOf(toolCall, 'The run was stopped before this call was finished.', 'error');
    }
    if (host.toolErrors() === 'throw') throw passedOn(error);
    return toolErrorResult(toolCall, error);
  } finally {
    const saving = host.runs.rest(run, then);
    if (saving) await saving;
  }
}

/** An answer of the guard's as the text of a tool's result. */
const textOf = (output: unknown): string => (typeof output === 'string' ? output : JSON.stringify(output));

function callOf({ name, args, id }: ToolHookRequest['toolCall'], hints: ToolHints | undefined, agent: string | undefined): ToolCall {
  const call: Built<ToolCall> = { kind: 'tool', name, args, hints };
  if (id !== undefined) call.id = id;
  if (agent !== undefined) call.agent = agent;
  return call;
}

const resultOf = ({ id = '', name }: ToolHookRequest['toolCall'], content: string, status: 'success' | 'error' = 'success'): ToolMessage =>
  new ToolMessage({ content, tool_call_id: id, name, status });

/**
 * What `createAgent` itself makes of a tool's error where no middleware wraps its tools: with one, it would let the run
 * fail. An error that came through another middleware fails the run in either case, and one about arguments is
 * `createAgent`'s to answer.
 */
function toolErrorResult(toolCall: ToolHookRequest['toolCall'], error: unknown): ToolMessage {
  if (isMiddlewareError(error) || isToolInvocationError(error)) throw passedOn(error);
  return resultOf(toolCall, `${String(error)}\n Please fix your mistakes.`, 'error');
}
