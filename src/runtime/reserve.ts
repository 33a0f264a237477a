import type { CallEdits, EditKind } from '../core/offer.ts';
import type { Ask } from '../core/reservation.ts';
import type { Call } from '../core/step.ts';
import type { Denial, ReserveReply } from '../stores/store.ts';
import type { AccountPlan } from './accounts.ts';
import type { ModelTerms } from './asks.ts';
import type { LedgerReply } from './ledger.ts';
import { refuse, type RunCore } from './run-core.ts';
import { isPromise } from './time-limit.ts';

/** What a door can say of a step that it begins. All is optional. */
export interface BeginOptions {
  /** The reservation's id, where the host has one that survives a replay: a replayed step counts once. Default: a new one. */
  readonly id?: string | undefined;
  /**
   * For hosts that go on from a checkpoint: the name of this tool call in it, such as the checkpoint's namespace and the
   * call's id. A call that was done before the run was paused and is made again under the same name counts once: nothing is
   * held for it, and the detectors do not see it again.
   */
  readonly replayKey?: string | undefined;
  /** The host's own id of this call: doors that name the same one see the same attempt. */
  readonly key?: string | undefined;
  /**
   * The door sees each request as it goes over the wire, as a guarded `fetch` does: within an attempt that a door around it
   * meters, the first request is that attempt and each further one is a further attempt. Default false.
   */
  readonly isRequest?: boolean | undefined;
  /**
   * What the door can do with an offer: all (true), nothing (false), or the parts that it names. Where it cannot send an
   * output cap, the default cap is held and a stream that outgrows it is cut; a rung whose edits it cannot make is not
   * climbed. Default true.
   */
  readonly canEdit?: boolean | readonly EditKind[] | undefined;
}

/** Whether the provider itself holds to the output cap. */
export const canSendCap = ({ canEdit = true }: BeginOptions): boolean =>
  typeof canEdit === 'boolean' ? canEdit : canEdit.includes('maxOutputTokens');

/** A step that is being begun. */
export interface Beginning {
  readonly id: string;
  readonly index: number;
}

/** Numbers a step. */
export function beginning({ tree, stepPrefix }: RunCore, id?: string): Beginning {
  const index = tree.nextStep;
  tree.nextStep += 1;
  return { id: id ?? `${stepPrefix}${index}`, index };
}

type Granted = ReserveReply & { readonly granted: true };
export type Reserved = Granted | { readonly granted: false; readonly denial: Denial };

/**
 * Holds the first of the asks that fits, or says what was short: at once where the store answers at once. Throws where the
 * run was stopped meanwhile, or the store failed.
 */
export function reserve(core: RunCore, plan: AccountPlan, { id, index }: Beginning, asks: readonly Ask[]): Reserved | Promise<Reserved> {
  const { ledger, holdTtlMs } = core.guard;
  const reserved = (reply: LedgerReply): Reserved => {
    if (!reply.granted && !reply.denial) throw refuse(core, undefined, index);
    return reply;
  };
  const reserving = ledger.reserve({ id, plan, asks, ttlMs: holdTtlMs });
  if (!isPromise(reserving)) return reserved(reserving);
  return reserving.then((reply) => {
    try {
      // The store may have taken long enough for the run to be stopped: then nothing more is started.
      if (reply.granted) core.assertGoing();
    } catch (error) {
      if (reply.granted && !reply.isReplay) ledger.settle(id, plan, undefined);
      throw error;
    }
    return reserved(reply);
  });
}

/** What a grant means for the output: the cap to send, and whether a stream must be watched because nobody else holds to it. */
export function outputTerms(
  plan: AccountPlan,
  call: Call,
  terms: ModelTerms | undefined,
  { units }: Granted,
  options: BeginOptions,
): { readonly edits: CallEdits; readonly isWatched: boolean } {
  // A limit that was set while runs are alive shows in what is granted only.
  const isLimited = plan.limitsOutput || units < (terms?.ask.unitsWanted ?? 0);
  if (!isLimited || capOf(call) <= units) return { edits: {}, isWatched: false };
  return { edits: capEdits(call, units), isWatched: !canSendCap(options) };
}

/**
 * The number of the model call that a step belongs to: a model call is a new one, tools belong to the run's last. Where no
 * model call is metered, tools that run at the same time are taken to have been asked for at once.
 */
export function roundOf(core: RunCore, { kind }: Call): number {
  const { tree } = core;
  if (kind === 'tool' && core.round > 0) return core.round;
  if (kind === 'model' || !core.hasOpenSteps()) tree.nextRound += 1;
  return tree.nextRound;
}

const capOf = (call: Call): number =>
  call.kind === 'model' ? (call.maxOutputTokens ?? Number.POSITIVE_INFINITY) * Math.max(1, call.n ?? 1) : 0;

/** The cap to send: where output is limited, and only when the caller's own cap is not already as low. */
const capEdits = (call: Call, units: number): CallEdits =>
  call.kind === 'model' ? { maxOutputTokens: Math.floor(units / Math.max(1, call.n ?? 1)) } : {};
