import { onlyThese } from '../../core/amounts.ts';
import type { Halt } from '../../core/halt.ts';
import type { CallEdits, EditKind } from '../../core/offer.ts';
import type { Ask, Gate, Standing as AccountStanding } from '../../core/reservation.ts';
import type { Call } from '../../core/step.ts';
import type { Verdict } from '../../core/verdict.ts';
import { changesSomething, composeEdits } from '../../ladder/compose-edits.ts';
import { editedCall } from '../../ladder/edited-call.ts';
import { pressureDetail } from '../../ladder/facts.ts';
import { keepsPairs } from '../../ladder/pairs.ts';
import type { Rung, RungOffer, RungStanding } from '../../ladder/rung.ts';
import type { RunDecision } from '../../ladder/run-decision.ts';
import type { AccountPlan } from '../accounts.ts';
import { toolAsk, type ModelTerms } from '../asks.ts';
import type { RunCore } from '../run-core.ts';
import { isPromise } from '../time-limit.ts';
import type { NotesDraft } from './notes.ts';
import { prepareRung } from './prepare-rung.ts';
import { rungContext } from './rung-context.ts';
import { amountsAsked, comparedBy, pressuresOf } from './standings.ts';
import { termsFor } from './terms.ts';

/** One rung that shapes a step, and why. */
export interface Climb {
  readonly rung: string;
  readonly pressure: 'spend' | 'loop';
  /** Which pressure, and what is done about it. */
  readonly detail: string;
  /** What is done alone: the same again is no further climb. */
  readonly done: string;
  readonly isAnswer: boolean;
}

export type Refusal = Extract<RungOffer, { kind: 'refusal' }>;

/** One way of doing a step: the call as rungs have left it, or an answer in its place. */
export interface Candidate {
  readonly call: Call;
  readonly edits: CallEdits;
  readonly terms: ModelTerms | undefined;
  readonly ask: Ask;
  readonly climbs: readonly Climb[];
  readonly answer: Extract<RungOffer, { kind: 'answer' }> | undefined;
  /** The call is not to be made, and why. */
  readonly refusal?: Refusal;
  /** What a person has decided, in place of any offer. */
  readonly decision?: RunDecision;
  readonly draft: NotesDraft;
}

/** What offers are made from: the call, and how things stand at this moment. */
export interface Situation {
  readonly core: RunCore;
  readonly plan: AccountPlan;
  readonly call: Call;
  /** What the door can do to the call. */
  readonly can: ReadonlySet<EditKind>;
  readonly standings: readonly (AccountStanding | undefined)[];
  readonly verdict: Verdict | undefined;
  /** Set when nothing is left but to end the run. */
  readonly halt: Halt | undefined;
  /** Nothing may be spent on what will not be done. */
  readonly isShadow: boolean;
}

export const isFor = ({ kinds = ['model'] }: Rung, call: Call): boolean => kinds.includes(call.kind);

/** The pressures that a rung sees for a candidate. */
export const pressuresFor = (rung: Rung, { ask }: Candidate, { plan, standings }: Situation): readonly RungStanding[] =>
  pressuresOf(rung, plan, amountsAsked(ask, standings), standings);

/** Which pressure opens a rung, if any does. */
export function openedBy(rung: Rung, pressures: readonly RungStanding[], { verdict }: Situation): Climb['pressure'] | undefined {
  if (rung.loop === 'warn' && verdict) return 'loop';
  if (rung.at === undefined) return undefined;
  return rung.at <= 0 || (pressures[0]?.pressure ?? 0) >= rung.at ? 'spend' : undefined;
}

/** Under which pressure an offer is still right that leaves these rungs out. */
export function gatesFor(closed: readonly Rung[], plan: AccountPlan): readonly Gate[] {
  const gates = new Map<string, Gate>();
  for (const rung of closed) {
    const { at } = rung;
    if (at === undefined) continue;
    for (const { place, dimension } of comparedBy(rung, plan)) {
      const key = `${place} ${dimension}`;
      if (at < (gates.get(key)?.below ?? Infinity)) gates.set(key, { account: place, dimension, below: at });
    }
  }
  return [...gates.values()];
}

/** A candidate with one more rung, in each of the ways that the rung offers; none where it has nothing to offer here. */
export async function withRung(
  from: Candidate,
  rung: Rung,
  pressure: Climb['pressure'],
  situation: Situation,
): Promise<readonly Candidate[]> {
  const { core, verdict, halt, isShadow } = situation;
  const standings = pressuresFor(rung, from, situation);
  const about = { core, call: from.call, terms: from.terms, standings, verdict, halt };
  if (rung.prepare) {
    if (isShadow)
      return [{ ...from, climbs: [...from.climbs, climbOf(rung, pressure, standings, verdict, 'it would have prepared an offer', false)] }];
    await prepareRung(core, rung, from.call, rungContext({ ...about, memory: core.tree.climbing?.notes.of(rung.name) ?? new Map() }));
    core.assertGoing();
  }
  const draft = from.draft.branch();
  const made: Candidate[] = [];
  try {
    const offers = [rung.offer(from.call, rungContext({ ...about, memory: draft.of(rung.name) })) ?? []].flat() as readonly RungOffer[];
    for (const offer of offers) {
      const climb = climbOf(rung, pressure, standings, verdict, offer.detail ?? rung.name, offer.kind !== 'edits');
      if (offer.kind === 'decision') {
        made.push({ ...from, climbs: [...from.climbs, climb], decision: offer.decision, draft });
        continue;
      }
      if (offer.kind === 'refusal') {
        if (rung.mayRefuse) made.push({ ...from, climbs: [...from.climbs, climb], refusal: offer, draft });
        continue;
      }
      const taking =
        offer.kind === 'answer' ? answered(from, offer, climb, draft, situation) : edited(from, offer.edits, climb, draft, situation);
      const candidate = isPromise(taking) ? await taking : taking;
      if (candidate) made.push(candidate);
    }
  } catch (error) {
    core.guard.events.emit('hook:error', { hook: `rung ${rung.name}`, error });
  }
  return made;
}

function climbOf(
  rung: Rung,
  pressure: Climb['pressure'],
  standings: readonly RungStanding[],
  verdict: Verdict | undefined,
  done: string,
  isAnswer: boolean,
): Climb {
  const [highest] = standings;
  const why = pressure === 'loop' ? verdict && `${verdict.kind} loop` : highest && rung.at !== 0 ? pressureDetail(highest) : undefined;
  return { rung: rung.name, pressure, detail: why === undefined ? done : `${why}: ${done}`, done, isAnswer };
}

function answered(
  from: Candidate,
  answer: Extract<RungOffer, { kind: 'answer' }>,
  climb: Climb,
  draft: NotesDraft,
  { can }: Situation,
): Candidate | undefined {
  if (!can.has('answer')) return undefined;
  // It costs nothing but its place among the steps, so that answers without end come to an end.
  return { ...from, terms: undefined, ask: { base: onlyThese({ steps: 1 }) }, climbs: [...from.climbs, climb], answer, draft };
}

async function edited(
  from: Candidate,
  wanted: CallEdits,
  climb: Climb,
  draft: NotesDraft,
  situation: Situation,
): Promise<Candidate | undefined> {
  const { core, plan, call: original, can } = situation;
  const { maxOutputTokens, ...others } = wanted;
  // Where the cap cannot be sent it is left out, and the rest of the offer is still of use.
  const edits: CallEdits = can.has('maxOutputTokens') && maxOutputTokens !== undefined ? wanted : others;
  if (!changesSomething(edits) || !Object.entries(edits).every(([kind, value]) => value === undefined || can.has(kind as EditKind)))
    return undefined;
  checkEdits(from.call, edits);
  const composed = composeEdits(from.edits, edits);
  const call = editedCall(original, composed);
  if (call.kind === 'tool') {
    return { ...from, edits: composed, ask: toolAsk(call, core.guard.toolPolicy), climbs: [...from.climbs, climb], draft };
  }
  const pricing = termsFor(core, plan, call);
  const terms = isPromise(pricing) ? await pricing : pricing;
  // A model without a price cannot be held: the call stays with the one that has one.
  return terms && { call, edits: composed, terms, ask: terms.ask, climbs: [...from.climbs, climb], answer: undefined, draft };
}

/** Refuses edits that would send something invalid. */
function checkEdits(call: Call, { messages, maxOutputTokens, note, model }: CallEdits): void {
  if (call.kind === 'tool' && (messages || model || maxOutputTokens !== undefined))
    throw new TypeError('a tool call can be given a note or an answer, nothing else');
  if (call.kind === 'model' && note !== undefined) throw new TypeError('a note is for tool calls; insert a message into a model call');
  if (maxOutputTokens !== undefined && !(Number.isSafeInteger(maxOutputTokens) && maxOutputTokens > 0)) {
    throw new TypeError(`maxOutputTokens must be a whole number above 0, got ${maxOutputTokens}`);
  }
  if (call.kind === 'model' && messages && !(call.messages && keepsPairs(call.messages, messages))) {
    throw new TypeError('the edited messages are out of order, or tear a tool call from its result');
  }
}
