import type { Verdict } from '../core/verdict.ts';
import type { LoopJudge } from '../loops/detector.ts';
import type { HaltFacts } from './halts.ts';
import { judgeOf, type RunCore } from './run-core.ts';
import { keepNewest, type Totals } from './totals.ts';

/** How a run asks the detectors of its tree, and what it does with what they say. A `halt` stops the run that made the step. */
export function judgeRun(coreOf: () => RunCore, totals: Totals): Pick<RunCore, 'judge' | 'judgeText'> {
  const heed = (verdict: Verdict | undefined, isMidStream: boolean): void => {
    if (!verdict) return;
    const core = coreOf();
    const { ladder } = core;
    core.tree.climbing?.loop.warned(verdict);
    keepNewest(totals.verdicts, verdict);
    core.guard.events.emit('loop:verdict', { run: core.info, verdict });
    if (verdict.level !== 'halt' || core.closedBy()) return;
    const facts: HaltFacts = { cause: 'loop', reason: verdict.reason, verdict, step: verdict.step };
    // A stream that goes in circles is cut; a run that does may first give an answer.
    if (ladder?.canLand && !isMidStream) ladder.ending ??= facts;
    else core.halt(facts);
  };
  // Arguments and results are the user's own objects, and some of the judge's functions are the user's too.
  const ask = (question: (judge: LoopJudge) => Verdict | undefined): Verdict | undefined => {
    try {
      return question(judgeOf(coreOf().tree));
    } catch (error) {
      coreOf().guard.events.emit('hook:error', { hook: 'loop detection', error });
      return undefined;
    }
  };
  return {
    judge(record) {
      const verdict = ask((judge) => judge.observe(record));
      if (verdict) heed(verdict, false);
      else coreOf().tree.climbing?.loop.saw(record);
    },
    judgeText(delta, channel) {
      heed(
        ask((judge) => judge.observeText(delta, channel)),
        true,
      );
      const stopped = coreOf().haltError();
      if (stopped) throw stopped;
    },
  };
}
