import type { Halt } from '../../core/halt.ts';
import type { Call } from '../../core/step.ts';
import type { Ladder } from '../../ladder/options.ts';
import type { HaltFacts } from '../halts.ts';
import type { RunCore } from '../run-core.ts';
import { keepNewest } from '../totals.ts';
import { loopPressure, type LoopPressure } from './loop-pressure.ts';
import { createReplies, type Replies } from './replies.ts';
import { rungNotes, type RungNotes } from './notes.ts';
import { isFor, type Climb } from './offers.ts';
import type { SavedLadder } from './saved-ladder.ts';

/** What the runs of one tree share of their ladder. */
export interface TreeLadder {
  readonly loop: LoopPressure;
  readonly notes: RungNotes;
}

export const treeLadder = (saved?: SavedLadder): TreeLadder => ({ loop: loopPressure(saved?.loop), notes: rungNotes(saved?.notes) });

/** The ladder of one run. */
export interface RunLadder extends Ladder {
  readonly notes: RungNotes;
  /** Why the run is about to end: from now on only its terminal rungs are climbed. */
  ending: HaltFacts | undefined;
  /** The rung that waits for a person: it is asked before all others when the call is made again. */
  waitsFor: string | undefined;
  /** Rungs whose closing call has failed: the next ones are asked. */
  readonly failed: Set<string>;
  answeredTools: number;
  readonly replies: Replies;
  /** Whether a rung could end the run with an answer. */
  readonly canLand: boolean;
  haltOf(facts: HaltFacts): Halt;
  /** Tells of the rungs of a step: events and the report name those that are new, and those that answer. */
  report(step: number, kind: Call['kind'], climbs: readonly Climb[]): void;
  /** What would have ended the run, had the ladder not been a shadow. */
  landingOf(call: Call): readonly Climb[];
  /** Whether a run whose closing call has failed is left to further rungs. */
  leavesTo(closing: { readonly facts: HaltFacts; readonly rung: string | undefined }): boolean;
  save(): SavedLadder;
}

export function runLadder(core: RunCore, { rungs, isShadow }: Ladder, { notes, loop }: TreeLadder, saved?: SavedLadder): RunLadder {
  /** What was in effect at the last step of each kind. */
  const inEffect: Record<Call['kind'], ReadonlySet<string>> = {
    model: new Set(saved?.inEffect?.model),
    tool: new Set(saved?.inEffect?.tool),
  };
  return {
    rungs,
    isShadow,
    notes,
    ending: saved?.ending,
    waitsFor: saved?.waitsFor,
    failed: new Set(saved?.failed),
    answeredTools: saved?.answeredTools ?? 0,
    replies: createReplies(saved?.replies),
    leavesTo({ facts, rung }) {
      if (rung !== undefined) this.failed.add(rung);
      const isLeft = rungs.some((each) => each.isTerminal && (each.kinds ?? ['model']).includes('model') && !this.failed.has(each.name));
      if (isLeft) this.ending = facts;
      return isLeft;
    },
    save() {
      const { ending, waitsFor, failed, answeredTools, replies } = this;
      return {
        ending,
        waitsFor,
        failed: [...failed],
        inEffect: { model: [...inEffect.model], tool: [...inEffect.tool] },
        answeredTools,
        replies: replies.save(),
        loop: loop.save(),
        notes: notes.save(),
      };
    },
    canLand: !isShadow && rungs.some(({ isTerminal }) => isTerminal),
    haltOf(facts) {
      const { info, guard, tree } = core;
      return { step: tree.nextStep, ...facts, runId: info.id, at: guard.clock.now() };
    },
    report(step, kind, climbs) {
      const { guard, info, totals } = core;
      const before = inEffect[kind];
      inEffect[kind] = new Set(climbs.map(({ rung, done }) => `${rung}: ${done}`));
      for (const { rung, pressure, detail, done, isAnswer } of climbs) {
        if (!isAnswer && before.has(`${rung}: ${done}`)) continue;
        keepNewest(totals.interventions, { step, rung, pressure, detail, ...(isShadow ? { isShadow } : {}) });
        guard.events.emit('ladder:climb', { run: info, step, rung, pressure, detail, isShadow });
      }
    },
    landingOf(call) {
      const landing = rungs.find((rung) => rung.isTerminal && isFor(rung, call));
      return landing ? [{ rung: landing.name, pressure: 'spend', detail: 'it would have ended the run', done: 'end', isAnswer: true }] : [];
    },
  };
}
