import type { ModelCall, Step } from 'holdfast';
import { offeredAnswer, type GivenAnswer } from './answers.ts';
import { saidOfCall, scopesOf, type GuardModelOptions } from './call-scopes.ts';
import { doorRuns, type Seat } from './door-runs.ts';
import { editedCall, editsOfModel, type AllowedCall, type ModelByName } from './edited-call.ts';
import { eitherSignal, landed, type Landing } from './halted-call.ts';
import type { AnyGuard, Content, HostModel } from './host.ts';
import { modelCall } from './model-call.ts';
import { clientCalls } from './step-result.ts';
import { meterUnseen, noteAsked } from './unseen-calls.ts';

/** What all calls of one door share. */
export interface ModelDoor {
  readonly guard: AnyGuard;
  readonly options: GuardModelOptions;
  readonly models: ModelByName | undefined;
}

/** A call whose hold is in place. */
export interface OpenCall extends AllowedCall {
  readonly seat: Seat;
  readonly step: Step;
  /** The call ends the run: tool calls in its answer are taken out. */
  readonly isClosing: boolean;
}

type Begun = OpenCall | { readonly answer: GivenAnswer };

/** Holds what a call may need; gives the call as the guard allows it, or an answer in its place. */
export async function begin({ guard, options, models }: ModelDoor, model: HostModel, given: AllowedCall['params']): Promise<Begun> {
  const said = saidOfCall(guard, given);
  const { params } = said;
  const agent = said.agent ?? options.agent;
  const seat = doorRuns(guard).ofModelCall(params.prompt, () => ({
    scopes: scopesOf(options, said),
    agent: agent ?? 'agent',
    ...(options.budgets ? { budgets: options.budgets } : {}),
  }));
  const { run } = seat;
  let step: Step;
  let call: ModelCall;
  try {
    call = modelCall(model, params, agent);
    await meterUnseen(run, params.prompt);
    step = await run.begin(call, { canEdit: editsOfModel(model, models) });
    seat.begun(step);
  } catch (error) {
    return thrownUnlessAnswered(await landed(guard, seat, error, params));
  }
  // Whoever opened a joined step has the offer; a door that joined it changes nothing.
  const offer = step.isJoined ? undefined : step.offer;
  if (offer?.kind === 'answer') {
    await step.end({ output: offer.output });
    await seat.leave('ended');
    return { answer: offeredAnswer(offer.output, offer.from) };
  }
  const allowed = offer ? editedCall({ model, params }, call.messages ?? [], offer.edits, models) : { model, params };
  return {
    model: allowed.model,
    params: { ...allowed.params, abortSignal: eitherSignal(params.abortSignal, run) },
    seat,
    step,
    isClosing: offer?.isClosing === true,
  };
}

/** The answer; where there is none, the error is thrown. */
export function thrownUnlessAnswered(landing: Landing): { readonly answer: GivenAnswer } {
  if ('error' in landing) throw landing.error;
  return landing;
}

/** The loop goes on where tools were asked for. */
export function leaveAnswered(seat: Seat, content: readonly Content[], abortSignal: AbortSignal | undefined): Promise<void> {
  const calls = clientCalls(content);
  noteAsked(seat.run, calls);
  const asked = calls.flatMap(({ id }) => (id === undefined ? [] : [id]));
  return seat.leave(asked.length > 0 ? 'goes-on' : 'ended', asked, abortSignal);
}
