import type { StepRecord } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import type { LoopJudge } from '../loops/detector.ts';
import type { HaltFacts } from './halts.ts';
import { judgeOf, type RunCore } from './run-core.ts';
import { keepNewest } from './totals.ts';

/** Asks the detectors of a run's tree about a step of it. A `halt` stops the run that made the step. */
export function judgeStep(core: RunCore, record: StepRecord): void {
  const verdict = ask(core, (judge) => judge.observe(record));
  if (verdict) heed(core, verdict, false);
  else core.tree.climbing?.loop.saw(record);
}

/** Asks them about text while it streams. Throws the halt's error where it must end here. */
export function judgeText(core: RunCore, delta: string, channel: 'text' | 'thinking'): void {
  const verdict = ask(core, (judge) => judge.observeText(delta, channel));
  if (verdict) heed(core, verdict, true);
  const stopped = core.haltError();
  if (stopped) throw stopped;
}

function heed(core: RunCore, verdict: Verdict, isMidStream: boolean): void {
  const { ladder, tree, totals, guard, info } = core;
  tree.climbing?.loop.warned(verdict);
  keepNewest(totals.verdicts, verdict);
  guard.events.emit('loop:verdict', { run: info, verdict });
  if (verdict.level !== 'halt' || core.closedBy()) return;
  const facts: HaltFacts = { cause: 'loop', reason: verdict.reason, verdict, step: verdict.step };
  // A stream that goes in circles is cut; a run that does may first give an answer.
  if (ladder?.canLand && !isMidStream) ladder.ending ??= facts;
  else core.halt(facts);
}

/** Arguments and results are the user's own objects, and some of the judge's functions are the user's too. */
function ask({ tree, guard }: RunCore, question: (judge: LoopJudge) => Verdict | undefined): Verdict | undefined {
  try {
    return question(judgeOf(tree));
  } catch (error) {
    guard.events.emit('hook:error', { hook: 'loop detection', error });
    return undefined;
  }
}
