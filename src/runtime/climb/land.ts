import { zero } from '../../core/amounts.ts';
import type { Ask } from '../../core/reservation.ts';
import type { Rung } from '../../ladder/rung.ts';
import type { RunDecision } from '../../ladder/run-decision.ts';
import type { HaltFacts } from '../halts.ts';
import type { Asked, Attempts, Granted } from './climb.ts';
import { closingAsk } from './kept.ts';
import { isFor, withRung, type Candidate, type Situation } from './offers.ts';
import type { RunLadder } from './run-ladder.ts';

/** An answer that ends a run holds nothing: it can always be given. */
const nothing: Ask = { base: zero };

/** A person has decided. */
export interface Decided {
  readonly decision: RunDecision;
  /** The rung through which. */
  readonly rung: string;
  readonly candidate: Candidate;
}

/** How many tool calls are answered for a run that is about to end; a workflow that calls nothing but tools is halted then. */
const ANSWERED_MAX = 64;

/**
 * The terminal rungs, one after the other, each prepared only when its turn comes: nobody is called for a run that could
 * still answer by itself. Answers of last resort come when all have been asked. Undefined where none has any.
 */
export async function land(
  best: Candidate,
  facts: HaltFacts,
  situation: Situation,
  ladder: RunLadder,
  attempts: Attempts,
): Promise<Granted | Decided | undefined> {
  const { core, plan, call } = situation;
  const isClosing = call.kind === 'model';
  const lastResorts: Asked[] = [];
  for (const rung of inTurn(ladder)) {
    if (!rung.isTerminal || !isFor(rung, call) || ladder.failed.has(rung.name)) continue;
    const candidates = await withRung(best, rung, facts.cause === 'loop' ? 'loop' : 'spend', situation);
    const [decided] = candidates;
    if (decided?.decision) return { decision: decided.decision, candidate: decided, rung: rung.name };
    const asked = candidates.map((candidate): Asked => ({
      candidate,
      ask: candidate.answer ? nothing : closingAsk(candidate.ask, plan, core.info.id),
      isClosing,
    }));
    lastResorts.push(...asked.filter(({ candidate }) => candidate.answer?.isLastResort));
    const granted = await attempts.take(asked.filter(({ candidate }) => !candidate.answer?.isLastResort));
    if (granted) return granted;
  }
  return (await attempts.take(lastResorts.slice(0, 1))) ?? (isClosing ? undefined : toolAnswer(best, facts, situation, ladder, attempts));
}

/** Whoever was asked already answers before all others: what a person said must not be lost because there is room again. */
const inTurn = ({ rungs, waitsFor }: RunLadder): readonly Rung[] =>
  waitsFor === undefined ? rungs : [...rungs.filter(({ name }) => name === waitsFor), ...rungs.filter(({ name }) => name !== waitsFor)];

/** A tool call is answered with the reason, and the next model call closes the run. */
async function toolAnswer(
  best: Candidate,
  facts: HaltFacts,
  { can }: Situation,
  ladder: RunLadder,
  attempts: Attempts,
): Promise<Granted | undefined> {
  const next = ladder.rungs.find(({ isTerminal }) => isTerminal);
  if (!next || !can.has('answer') || ladder.answeredTools >= ANSWERED_MAX) return undefined;
  ladder.answeredTools += 1;
  ladder.ending ??= facts;
  const output = `[Not run: the run is about to end. ${facts.reason}. Answer with what you have.]`;
  const climb = {
    rung: next.name,
    pressure: facts.cause === 'loop' ? 'loop' : 'spend',
    detail: 'a tool call was not run',
    done: 'not run',
    isAnswer: false,
  } as const;
  const candidate: Candidate = { ...best, terms: undefined, answer: { kind: 'answer', output }, climbs: [climb] };
  return attempts.take([{ candidate, ask: nothing, isClosing: false }]);
}
