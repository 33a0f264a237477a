import { GuardError } from '../../core/errors.ts';
import type { ModelCall } from '../../core/step.ts';
import type { UsageReport } from '../../core/usage.ts';
import { unpricedReason } from '../halts.ts';
import { openStep } from '../open-step.ts';
import { beginning, reserve } from '../reserve.ts';
import type { RunCore } from '../run-core.ts';
import { isPromise } from '../time-limit.ts';
import { orAborted } from './or-aborted.ts';
import { termsFor } from './terms.ts';

/**
 * A model step of the guard's own, such as a summary: held and settled in the same accounts as the agent's steps. What
 * does not fit is refused without stopping the run; the ladder is not climbed for it, and the detectors do not look at it.
 */
export async function preparedStep<T>(
  core: RunCore,
  call: ModelCall,
  work: (signal: AbortSignal, maxOutputTokens: number) => Promise<{ output: T; usage?: UsageReport | undefined }>,
  signal: AbortSignal,
): Promise<T> {
  const { guard } = core;
  signal.throwIfAborted();
  const planned = core.plan();
  const plan = isPromise(planned) ? await planned : planned;
  const terms = await termsFor(core, plan, call);
  if (!terms) throw new GuardError('unpriced_model', unpricedReason(call.model));
  const begun = beginning(core);
  const reply = await reserve(core, plan, begun, [terms.ask]);
  if (!reply.granted) {
    const { scope, dimension } = reply.denial;
    throw new GuardError('no_room', `a step of the ladder was not made: the ${scope} budget has no room for it in ${dimension}`);
  }
  const { step } = openStep({
    core,
    ...begun,
    round: core.round,
    call,
    offer: { kind: 'call', call, edits: {}, rungs: [] },
    plan,
    amounts: reply.amounts,
    units: reply.units,
    terms,
    isWatched: false,
    key: undefined,
    startedAt: guard.clock.now(),
    giveBack: () => {},
  });
  try {
    const { output, usage } = await orAborted(
      step.within(() => work(signal, reply.units)),
      signal,
    );
    await step.end(undefined, usage);
    return output;
  } catch (error) {
    await step.fail(error);
    throw error;
  }
}
