import { editKinds, type EditKind, type Offer } from '../../core/offer.ts';
import type { Ask } from '../../core/reservation.ts';
import type { Call } from '../../core/step.ts';
import { composeEdits } from '../../ladder/compose-edits.ts';
import type { Rung } from '../../ladder/rung.ts';
import type { Denial, ReserveReply } from '../../stores/store.ts';
import type { AccountPlan } from '../accounts.ts';
import { toolAsk, type ModelTerms } from '../asks.ts';
import type { GiveBack } from '../gate.ts';
import { amountLimits } from '../limits.ts';
import { limits as limitsSchema, parseOptions } from '../validation.ts';
import { openStep } from '../open-step.ts';
import { beginning, outputTerms, reserve, roundOf, type Beginning, type BeginOptions } from '../reserve.ts';
import type { HaltFacts } from '../halts.ts';
import { refusal, refuse, type RunCore } from '../run-core.ts';
import type { Step } from '../step.ts';
import { isPromise } from '../time-limit.ts';
import { land, type Decided } from './land.ts';
import { gatesFor, isFor, openedBy, pressuresFor, withRung, type Candidate, type Situation } from './offers.ts';
import { refusedInput } from './refused-input.ts';
import type { RunLadder } from './run-ladder.ts';

/** A candidate as it is asked for. */
export interface Asked {
  readonly candidate: Candidate;
  readonly ask: Ask;
  /** The step is the run's last. */
  readonly isClosing: boolean;
}

export type Granted = Asked & { readonly reply: ReserveReply & { readonly granted: true } };

/** Asks the store for the first that fits. Remembers what was short last. */
export interface Attempts {
  denial: Denial | undefined;
  take(asked: readonly Asked[]): Promise<Granted | undefined>;
}

export interface ClimbParts {
  readonly core: RunCore;
  readonly ladder: RunLadder;
  readonly plan: AccountPlan;
  readonly call: Call;
  readonly terms: ModelTerms | undefined;
  readonly giveBack: GiveBack;
  readonly options: BeginOptions;
}

/**
 * Begins a step of a run that has a ladder. First the rungs that are open now, held with gates that make the store refuse
 * it should a further rung open at the very moment of admission; then, one more rung at a time, those that relieve what was
 * short; at last the terminal ones. Each list is one decision of the store, taken together with the hold.
 */
export async function climb(parts: ClimbParts, begun: Beginning = beginning(parts.core, parts.options.id)): Promise<Step> {
  const { core, ladder, plan, call, terms, options } = parts;
  const { guard, tree } = core;
  const attempts = attemptsOf(parts, begun);
  const situation: Situation = {
    core,
    plan,
    call,
    can: new Set<EditKind>(Array.isArray(options.canEdit) ? options.canEdit : editKinds),
    standings: guard.standings.read(plan),
    verdict: tree.climbing?.loop.verdict,
    halt: ladder.ending && ladder.haltOf(ladder.ending),
    isShadow: ladder.isShadow,
  };
  const plain: Candidate = {
    call,
    edits: {},
    terms,
    ask: terms?.ask ?? toolAsk(call, guard.toolPolicy),
    climbs: [],
    answer: undefined,
    draft: ladder.notes.draft(),
  };
  const usable = [ladder.replies.rung, ...ladder.rungs].filter((rung) => isFor(rung, call));
  const { open, closed } = await climbOpen(plain, usable, situation);
  if (ladder.isShadow) return shadowStep(parts, begun, attempts, plain, open);
  if (open.refusal) {
    ladder.report(begun.index, call.kind, open.climbs);
    throw core.halt(refusedInput(open.refusal, begun.index));
  }

  let best = open;
  if (!ladder.ending) {
    const first = await attempts.take([gated(open, closed, plan)]);
    if (first) return openGranted(parts, begun, first);
    const { granted, relieved } = await climbFurther(open, closed, situation, attempts);
    if (granted) return openGranted(parts, begun, granted);
    best = relieved;
  }
  const facts = ladder.ending ?? refusal(attempts.denial, begun.index);
  const landing = { ...situation, halt: ladder.haltOf(facts) };
  const landed = await land(best.answer ? plain : best, facts, landing, ladder, attempts);
  if (!landed) throw core.halt(facts);
  if ('decision' in landed) return goOn(parts, begun, landed, facts);
  ladder.waitsFor = undefined;
  if (landed.isClosing) core.close(facts, landed.candidate.climbs.at(-1)?.rung);
  return openGranted(parts, begun, landed);
}

function attemptsOf({ core, plan }: ClimbParts, begun: Beginning): Attempts {
  const attempts: Attempts = {
    denial: undefined,
    async take(asked) {
      if (asked.length === 0) return undefined;
      const reserving = reserve(
        core,
        plan,
        begun,
        asked.map(({ ask }) => ask),
      );
      const reply = isPromise(reserving) ? await reserving : reserving;
      if (!reply.granted) {
        attempts.denial = reply.denial;
        return undefined;
      }
      core.guard.standings.saw(plan, reply);
      // A replay may tell of an ask of another list: the last one is the most careful.
      const taken = asked[reply.ask] ?? asked.at(-1);
      return taken && { ...taken, reply };
    },
  };
  return attempts;
}

/** As it is asked for while these rungs are left out. An answer costs nothing that pressure could be of. */
const gated = (candidate: Candidate, closed: readonly Rung[], plan: AccountPlan): Asked => ({
  candidate,
  ask: candidate.answer ? candidate.ask : { ...candidate.ask, gates: gatesFor(closed, plan) },
  isClosing: false,
});

/** The call as the rungs leave it that are open now, and those that further pressure would open. */
async function climbOpen(
  plain: Candidate,
  usable: readonly Rung[],
  situation: Situation,
): Promise<{ open: Candidate; closed: readonly Rung[] }> {
  let open = plain;
  const closed: Rung[] = [];
  for (const rung of usable) {
    if (rung.isTerminal || open.answer || open.refusal) continue;
    const pressure = openedBy(rung, pressuresFor(rung, open, situation), situation);
    if (pressure) open = (await withRung(open, rung, pressure, situation))[0] ?? open;
    else if (rung.at !== undefined) closed.push(rung);
  }
  return { open, closed };
}

/** One more rung at a time, of those that relieve what was short; as often as something else turns out to be short. */
async function climbFurther(
  from: Candidate,
  shut: readonly Rung[],
  situation: Situation,
  attempts: Attempts,
): Promise<{ granted: Granted | undefined; relieved: Candidate }> {
  let relieved = from;
  let closed = shut;
  while (!relieved.answer) {
    const { dimension } = attempts.denial ?? {};
    const further = closed.filter(({ on }) => dimension !== undefined && (!on || on.includes(dimension)));
    if (further.length === 0) break;
    closed = closed.filter((rung) => !further.includes(rung));
    const asked: Asked[] = [];
    for (const [place, rung] of further.entries()) {
      if (relieved.answer) break;
      relieved = (await withRung(relieved, rung, 'spend', situation))[0] ?? relieved;
      asked.push(gated(relieved, [...closed, ...further.slice(place + 1)], situation.plan));
    }
    const granted = await attempts.take(asked);
    if (granted) return { granted, relieved };
  }
  return { granted: undefined, relieved };
}

/** Does what a person has decided, and asks again. */
async function goOn(parts: ClimbParts, begun: Beginning, { decision, candidate, rung }: Decided, facts: HaltFacts): Promise<Step> {
  const { core, ladder, call } = parts;
  candidate.draft.keep();
  // Asked again because the host made the call again: that is told of already.
  if (decision.kind !== 'wait' || ladder.waitsFor === undefined) ladder.report(begun.index, call.kind, candidate.climbs);
  ladder.waitsFor = decision.kind === 'wait' ? rung : undefined;
  if (decision.kind === 'wait') {
    ladder.ending = facts;
    throw decision.error;
  }
  if (decision.kind === 'stop') throw core.halt({ cause: 'person', reason: decision.reason, step: begun.index });
  const { words, limits } = decision;
  try {
    if (limits)
      core.raise(amountLimits(parseOptions('limits of a resumed run', limitsSchema, limits), core.guard.accounts.headroomOf('run')));
  } catch (error) {
    core.guard.events.emit('hook:error', { hook: 'rung handoff', error });
  }
  if (words !== undefined && call.kind === 'model' && call.messages) ladder.replies.add(call.messages, words);
  ladder.ending = undefined;
  ladder.failed.clear();
  core.tree.climbing?.loop.clear();
  core.tree.judge = core.tree.newJudge();
  const planned = core.plan();
  return climb({ ...parts, plan: isPromise(planned) ? await planned : planned }, begun);
}

/** The call as it is, whatever the ladder would have made of it; that is only told. */
async function shadowStep(parts: ClimbParts, begun: Beginning, attempts: Attempts, plain: Candidate, open: Candidate): Promise<Step> {
  const { core, ladder, call } = parts;
  const granted = await attempts.take([{ candidate: plain, ask: plain.ask, isClosing: false }]);
  open.draft.keep();
  ladder.report(begun.index, call.kind, granted ? open.climbs : [...open.climbs, ...ladder.landingOf(call)]);
  if (!granted) throw refuse(core, attempts.denial, begun.index);
  return openGranted(parts, begun, granted);
}

function openGranted({ core, ladder, plan, call: original, giveBack, options }: ClimbParts, begun: Beginning, granted: Granted): Step {
  const { candidate, reply, isClosing } = granted;
  const { call, answer, climbs, edits: made, ask } = candidate;
  candidate.draft.keep();
  if (!ladder.isShadow) ladder.report(begun.index, original.kind, climbs);
  const closing = isClosing ? { isClosing } : {};
  const terms = candidate.terms && { ...candidate.terms, ask: isClosing ? { ...ask, isClosing } : ask };
  const { edits, isWatched } = outputTerms(plan, call, terms, reply, options);
  const offer: Offer = answer
    ? {
        kind: 'answer',
        output: answer.output,
        from: climbs.at(-1)?.rung ?? '',
        ...(answer.note === undefined ? {} : { note: answer.note }),
        ...closing,
      }
    : { kind: 'call', call: original, edits: composeEdits(made, edits), rungs: climbs.map(({ rung }) => rung), ...closing };
  return openStep({
    core,
    ...begun,
    round: roundOf(core, original),
    call: answer ? original : call,
    offer,
    plan,
    amounts: reply.amounts,
    units: reply.units,
    terms: answer ? undefined : terms,
    isWatched,
    key: options.key,
    replayKey: options.replayKey,
    startedAt: core.guard.clock.now(),
    giveBack,
  }).step;
}
