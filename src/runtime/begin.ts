import { zero } from '../core/amounts.ts';
import type { Call, ModelCall } from '../core/step.ts';
import type { InputCount } from '../meter/meter.ts';
import type { AccountPlan } from './accounts.ts';
import { ambientOf } from './ambient.ts';
import { climb } from './climb/climb.ts';
import { refusalFor } from './climb/refused-input.ts';
import { modelTerms, toolAsk, type ModelTerms } from './asks.ts';
import type { GiveBack } from './gate.ts';
import { unpricedReason } from './halts.ts';
import { openStep } from './open-step.ts';
import { beginning, outputTerms, reserve, roundOf, type BeginOptions, type Reserved } from './reserve.ts';
import { refuse, type RunCore } from './run-core.ts';
import type { Step } from './step.ts';
import { detach, isPromise } from './time-limit.ts';

/**
 * Begins a step: counts, waits for a slot where calls are bounded, reserves in every account at once. With the store of
 * this process, short input and no queue, all of it happens before the first await.
 */
export async function beginStep(core: RunCore, call: Call, options: BeginOptions = {}): Promise<Step> {
  let giveBack = nothing;
  core.join();
  try {
    const around = ambientOf(core.guard.key);
    if (around?.run === core.run && around.step?.isSame(call)) {
      const joined = around.step.join(options.key, options.isRequest);
      return isPromise(joined) ? await joined : joined;
    }
    core.assertGoing();
    const planned = core.plan();
    const plan = isPromise(planned) ? await planned : planned;
    if (options.replayKey !== undefined && call.kind === 'tool' && core.tree.replays.take(options.replayKey))
      return replayedStep(core, plan, call, options);
    const pricing = call.kind === 'model' ? termsOf(core, plan, call) : undefined;
    const terms = isPromise(pricing) ? await pricing : pricing;
    const entering = call.kind === 'model' && !around?.holdsSlot ? enterGates(core) : nothing;
    giveBack = isPromise(entering) ? await entering : entering;
    // A wait for a slot or a lookup may have been long enough for the run to be stopped.
    core.assertGoing();
    const { ladder } = core;
    if (ladder && options.canEdit !== false) return await climb({ core, ladder, plan, call, terms, giveBack, options });
    // A door that can only stop.
    const refused = ladder && (ladder.ending ?? refusalFor(core, call, terms));
    if (refused) throw core.halt(refused);
    const begun = reserveStep(core, plan, call, terms, giveBack, options);
    return isPromise(begun) ? await begun : begun;
  } catch (error) {
    giveBack();
    throw error;
  } finally {
    detach(core.leave());
  }
}

function reserveStep(
  core: RunCore,
  plan: AccountPlan,
  call: Call,
  terms: ModelTerms | undefined,
  giveBack: GiveBack,
  options: BeginOptions,
): Step | Promise<Step> {
  const { guard } = core;
  const { id, index } = beginning(core, options.id);
  const open = (reply: Reserved): Step => {
    if (!reply.granted) throw refuse(core, reply.denial, index);
    const { edits, isWatched } = outputTerms(plan, call, terms, reply, options);
    return openStep({
      core,
      id,
      index,
      round: roundOf(core, call),
      call,
      offer: { kind: 'call', call, edits, rungs: noRungs },
      plan,
      amounts: reply.amounts,
      units: reply.units,
      terms,
      isWatched,
      key: options.key,
      replayKey: options.replayKey,
      startedAt: guard.clock.now(),
      giveBack,
    }).step;
  };
  const reserving = reserve(core, plan, { id, index }, [terms?.ask ?? toolAsk(call, guard.toolPolicy)]);
  return isPromise(reserving) ? reserving.then(open) : open(reserving);
}

const noRungs: readonly string[] = Object.freeze([]);

/** A call that was done, counted and judged before the run was paused, and that the host makes again. */
function replayedStep(core: RunCore, plan: AccountPlan, call: Call, { key }: BeginOptions): Step {
  const { tree, guard } = core;
  return openStep({
    core,
    ...beginning(core),
    round: tree.nextRound,
    call,
    offer: { kind: 'call', call, edits: {}, rungs: [] },
    plan,
    amounts: zero,
    units: 0,
    terms: undefined,
    isWatched: false,
    key,
    isReplay: true,
    startedAt: guard.clock.now(),
    giveBack: nothing,
  }).step;
}

function termsOf(core: RunCore, plan: AccountPlan, call: ModelCall): ModelTerms | Promise<ModelTerms> {
  const { meter, options } = core.guard;
  const price = meter.price(call.model, { provider: call.provider, serviceTier: call.serviceTier });
  if (!price && plan.limitsUsd && !options.allowUnpriced) throw core.halt({ cause: 'price', reason: unpricedReason(call.model) });
  const terms = (input: InputCount): ModelTerms => modelTerms(call, input, price, meter, options.minUseful);
  const input = meter.count(call, core);
  return isPromise(input) ? Promise.resolve(input).then(terms) : terms(input);
}

const nothing: GiveBack = () => {};

/** A slot of the run first, then one of the guard: a run's own queue never occupies the guard's slots. */
function enterGates(core: RunCore): GiveBack | Promise<GiveBack> {
  const { gate, guard, info } = core;
  const own = gate.enter(info.id, core);
  if (!isPromise(own)) return guard.gate.enter(info.id, core);
  return Promise.resolve(own).then(async (giveBackOwn) => {
    try {
      const giveBackShared = await guard.gate.enter(info.id, core);
      return () => {
        giveBackShared();
        giveBackOwn();
      };
    } catch (error) {
      giveBackOwn();
      throw error;
    }
  });
}
