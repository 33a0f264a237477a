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
import { beginning, outputTerms, reserve, roundOf, type BeginOptions } from './reserve.ts';
import { refuse, type RunCore } from './run-core.ts';
import type { Step } from './step.ts';
import { isPromise } from './time-limit.ts';

/**
 * Begins a step: counts, waits for a slot where calls are bounded, reserves in every account at once. With the store of
 * this process, short input and no queue, all of it happens before the first await.
 */
export async function beginStep(core: RunCore, call: Call, options: BeginOptions = {}): Promise<Step> {
  const around = ambientOf(core.guard.key);
  if (around?.run === core.run && around.step?.isSame(call)) return around.step.join(options.key, options.isRequest);
  core.assertGoing();
  const planned = core.plan();
  const plan = isPromise(planned) ? await planned : planned;
  if (options.replayKey !== undefined && call.kind === 'tool' && core.tree.replays.take(options.replayKey))
    return replayedStep(core, plan, call, options);
  const pricing = call.kind === 'model' ? termsOf(core, plan, call) : undefined;
  const terms = isPromise(pricing) ? await pricing : pricing;
  const entering = call.kind === 'model' && !around?.holdsSlot ? enterGates(core) : nothing;
  const giveBack = isPromise(entering) ? await entering : entering;
  try {
    // A wait for a slot or a lookup may have been long enough for the run to be stopped.
    core.assertGoing();
    const { ladder } = core;
    if (!ladder || options.canEdit === false) {
      // A door that can only stop.
      const refused = ladder && (ladder.ending ?? refusalFor(core, call, terms));
      if (refused) throw core.halt(refused);
      return await reserveStep(core, plan, call, terms, giveBack, options);
    }
    return await climb({ core, ladder, plan, call, terms, giveBack, options });
  } catch (error) {
    giveBack();
    throw error;
  }
}

async function reserveStep(
  core: RunCore,
  plan: AccountPlan,
  call: Call,
  terms: ModelTerms | undefined,
  giveBack: GiveBack,
  options: BeginOptions,
): Promise<Step> {
  const { guard } = core;
  const begun = beginning(core, options.id);
  const reserving = reserve(core, plan, begun, [terms?.ask ?? toolAsk(call, guard.toolPolicy)]);
  const reply = isPromise(reserving) ? await reserving : reserving;
  if (!reply.granted) throw refuse(core, reply.denial, begun.index);
  const { edits, isWatched } = outputTerms(plan, call, terms, reply, options);
  return openStep({
    core,
    ...begun,
    round: roundOf(core, call),
    call,
    offer: { kind: 'call', call, edits, rungs: [] },
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
}

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
  const input = meter.count(call, core.signal);
  return isPromise(input) ? Promise.resolve(input).then(terms) : terms(input);
}

const nothing: GiveBack = () => {};

/** A slot of the run first, then one of the guard: a run's own queue never occupies the guard's slots. */
function enterGates({ gate, guard, info, signal }: RunCore): GiveBack | Promise<GiveBack> {
  const own = gate.enter(info.id, signal);
  if (!isPromise(own)) return guard.gate.enter(info.id, signal);
  return Promise.resolve(own).then(async (giveBackOwn) => {
    try {
      const giveBackShared = await guard.gate.enter(info.id, signal);
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
