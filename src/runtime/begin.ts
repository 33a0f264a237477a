import type { CallEdits } from '../core/offer.ts';
import type { Call, ModelCall } from '../core/step.ts';
import type { InputCount } from '../meter/meter.ts';
import type { AccountPlan } from './accounts.ts';
import { ambientOf } from './ambient.ts';
import { modelTerms, toolAsk, type ModelTerms } from './asks.ts';
import type { GiveBack } from './gate.ts';
import { unpricedReason } from './halts.ts';
import { openStep } from './open-step.ts';
import { refuse, type RunCore } from './run-core.ts';
import type { Step } from './step.ts';
import { isPromise } from './time-limit.ts';

/** What a door can say of a step that it begins. All is optional. */
export interface BeginOptions {
  /** The reservation's id, where the host has one that survives a replay: a replayed step counts once. Default: a new one. */
  readonly id?: string | undefined;
  /** The host's own id of this call: doors that name the same one see the same attempt. */
  readonly key?: string | undefined;
  /** False for a door that cannot change the call: it holds the default output cap and cuts a stream that outgrows it. Default true. */
  readonly canEdit?: boolean | undefined;
}

/**
 * Begins a step: counts, waits for a slot where calls are bounded, reserves in every account at once. With the store of
 * this process, short input and no queue, all of it happens before the first await.
 */
export async function beginStep(core: RunCore, call: Call, options: BeginOptions = {}): Promise<Step> {
  const around = ambientOf(core.guard.key);
  if (around?.run === core.run && around.step?.isSame(call)) return around.step.join(options.key);
  core.assertGoing();
  const planned = core.plan();
  const plan = isPromise(planned) ? await planned : planned;
  const pricing = call.kind === 'model' ? termsOf(core, plan, call) : undefined;
  const terms = isPromise(pricing) ? await pricing : pricing;
  const entering = call.kind === 'model' ? enterGates(core) : nothing;
  const giveBack = isPromise(entering) ? await entering : entering;
  try {
    return await reserveStep(core, plan, call, terms, giveBack, options);
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
  const { guard, tree } = core;
  // A wait for a slot or a lookup may have been long enough for the run to be stopped.
  core.assertGoing();
  const index = tree.nextStep;
  tree.nextStep += 1;
  const id = options.id ?? `${core.stepPrefix}${index}`;
  const ask = terms?.ask ?? toolAsk(call, guard.toolPolicy);
  const reserving = guard.ledger.reserve({ id, plan, asks: [ask], ttlMs: guard.holdTtlMs });
  const reply = isPromise(reserving) ? await reserving : reserving;
  if (!reply.granted) throw refuse(core, reply.denial, index);
  try {
    // The store may have taken long enough for the run to be stopped: then nothing more is started.
    if (isPromise(reserving)) core.assertGoing();
  } catch (error) {
    if (!reply.isReplay) guard.ledger.settle(id, plan, undefined);
    throw error;
  }
  // A limit that was set while runs are alive shows in what is granted only.
  const isLimited = plan.limitsOutput || reply.units < (terms?.ask.unitsWanted ?? 0);
  const isCapped = capOf(call) <= reply.units;
  return openStep({
    core,
    id,
    index,
    round: roundOf(core, call),
    call,
    offer: { kind: 'call', call, edits: isLimited && !isCapped ? editsOf(call, reply.units) : {}, rungs: [] },
    plan,
    amounts: reply.amounts,
    units: reply.units,
    terms,
    isWatched: isLimited && !isCapped && options.canEdit === false,
    key: options.key,
    startedAt: guard.clock.now(),
    giveBack,
  }).step;
}

/**
 * The number of the model call that a step belongs to: a model call is a new one, tools belong to the run's last. Where no
 * model call is metered, tools that run at the same time are taken to have been asked for at once.
 */
function roundOf(core: RunCore, { kind }: Call): number {
  const { tree } = core;
  if (kind === 'tool' && core.round > 0) return core.round;
  if (kind === 'model' || !core.hasOpenSteps()) tree.nextRound += 1;
  return tree.nextRound;
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

const capOf = (call: Call): number =>
  call.kind === 'model' ? (call.maxOutputTokens ?? Number.POSITIVE_INFINITY) * Math.max(1, call.n ?? 1) : 0;

/** The cap to send: where output is limited, and only when the caller's own cap is not already as low. */
const editsOf = (call: Call, units: number): CallEdits =>
  call.kind === 'model' ? { maxOutputTokens: Math.floor(units / Math.max(1, call.n ?? 1)) } : {};
