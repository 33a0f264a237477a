import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { Call, Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { handlerRun } from './guard-callback-handler.ts';
import { meteredModel } from './metered-model.ts';
import { attemptsIn, type BeginAttempt, type ModelRequest, type RunSeat } from './model-attempt.ts';

/**
 * The same chat model, each call of which is a step of the run around it: counted and held before, settled after, and
 * changed as the guard's offer says (another model, an output cap, fewer tools, an edited history). It is for hosts whose
 * calls must be changed and not only stopped, such as a classic `AgentExecutor`, and it sees what callbacks do not:
 * `model.streamEvents(…)` of LangChain's newer protocol. Outside any run, each call is a run of its own.
 *
 * Throws the run's halt error when a call is refused.
 *
 * @example
 * const agent = createToolCallingAgent({ llm: guardModel(model, guard), tools: guardTools(tools, guard), prompt });
 */
export function guardModel<M extends BaseChatModel>(model: M, guard: AnyGuard): M {
  return meteredModel(model, attemptsAround(guard));
}

/** Begins each attempt in the run around it. */
export const attemptsAround = (guard: AnyGuard): BeginAttempt => attemptsIn(guard, (request) => seatAround(guard, request));

function seatAround(guard: AnyGuard, { options, callbacks }: ModelRequest): RunSeat {
  const around = guard.current();
  const run = around?.run ?? handlerRun(guard, callbacks);
  if (run && !run.isEnded) return { run, call: openCall(around?.step), leave: stay };
  const own = guard.start({ scopes: guard.scopesOf(options) });
  return { run: own, call: undefined, leave: () => own.end() };
}

const stay = (): void => {};

/** The call of a step around us that is this one: the door that opened it has told of it. */
const openCall = (step: Step | undefined): Call | undefined => (step?.isOpen && step.call.kind === 'model' ? step.call : undefined);
