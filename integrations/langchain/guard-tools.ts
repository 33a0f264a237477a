import type { Callbacks } from '@langchain/core/callbacks/manager';
import { ToolMessage } from '@langchain/core/messages';
import type { Run, ToolCall } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { callbacksInForce } from './callbacks.ts';
import { feltHalt } from './felt-halts.ts';
import { handlerRun } from './guard-callback-handler.ts';
import { agentIn, replayKey } from './graph-node.ts';
import { isGraphBubbleUp, isParentCommand } from './host-errors.ts';
import { settingsOf } from './model-call.ts';
import { waysAround } from './runnable-ways.ts';
import { toolResult } from './step-result.ts';
import { toolHints } from './tool-hints.ts';
import { notedResult } from './tool-notes.ts';

/**
 * The same tools, each call of which is a step of the run around it: held before, judged after, and answered by the guard
 * where its offer says so. Tools that only a provider runs stay as they are. Outside any run, each call is a run of its own.
 *
 * @example
 * const executor = new AgentExecutor({ agent, tools: guardTools(tools, guard) });
 */
export const guardTools = <T>(tools: readonly T[], guard: AnyGuard): T[] => tools.map((tool) => guardTool(tool, guard));

function guardTool<T>(tool: T, guard: AnyGuard): T {
  if (typeof tool !== 'object' || tool === null || typeof (tool as { invoke?: unknown }).invoke !== 'function') return tool;
  const proxy: T & object = new Proxy(tool, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      if (waysAround.has(property)) return value.bind(proxy);
      // `call` is what older hosts use; inside the tool either of them reaches the other past this proxy.
      if (property !== 'invoke' && property !== 'call') return value.bind(target);
      return (input: unknown, config?: unknown, ...rest: unknown[]) =>
        meteredCall(guard, target, input, config, () => Reflect.apply(value, target, [input, config, ...rest]) as Promise<unknown>);
    },
  });
  return proxy;
}

async function meteredCall(guard: AnyGuard, tool: object, input: unknown, config: unknown, call: () => Promise<unknown>): Promise<unknown> {
  const { callbacks } = settingsOf(config);
  const around = guard.current()?.run ?? handlerRun(guard, callbacksInForce(callbacks as Callbacks | undefined));
  const isOwn = !around || around.isEnded;
  const run = isOwn ? guard.start({ scopes: guard.scopesOf(settingsOf(config)) }) : around;
  try {
    const { thread_id: threadId, checkpoint_ns: node } = settingsOf(settingsOf(config)['configurable']);
    const toolCall = { ...toolCallOf(tool, input, config), ...agentIn(node) };
    return await meteredStep(run, toolCall, replayKey(threadId, node, toolCall.id), call);
  } finally {
    if (isOwn) await run.end();
  }
}

async function meteredStep(run: Run, toolCall: ToolCall, replayed: string | undefined, call: () => Promise<unknown>): Promise<unknown> {
  const step = await run.begin(toolCall, { replayKey: replayed }).catch((error: unknown) => {
    feltHalt(run);
    throw error;
  });
  const { offer } = step;
  if (offer.kind === 'answer' && !step.isJoined) {
    await step.end({ output: offer.output });
    const content = typeof offer.output === 'string' ? offer.output : JSON.stringify(offer.output);
    const answer = toolCall.id === undefined ? content : new ToolMessage({ content, tool_call_id: toolCall.id, name: toolCall.name });
    return notedResult(answer, offer.note);
  }
  try {
    const output = await step.within(call);
    await step.end(toolResult(output));
    return step.isJoined || offer.kind === 'answer' ? output : notedResult(output, offer.edits.note);
  } catch (error) {
    if (isParentCommand(error)) await step.end(toolResult(error.command));
    else if (isGraphBubbleUp(error)) await step.release();
    else await step.fail(error);
    throw error;
  }
}

/** Hosts hand over a whole tool call, or the arguments alone. */
function toolCallOf(tool: object, input: unknown, config: unknown): ToolCall {
  const { name } = tool as { name?: unknown };
  const fields = settingsOf(input);
  const isWhole = fields['type'] === 'tool_call';
  const id = isWhole ? fields['id'] : settingsOf(settingsOf(config)['toolCall'])['id'];
  return {
    kind: 'tool',
    name: typeof name === 'string' ? name : 'tool',
    args: isWhole ? fields['args'] : input,
    hints: toolHints(tool),
    ...(typeof id === 'string' ? { id } : {}),
  };
}
