import type { Verdict } from '../core/verdict.ts';
import type { LoopJudge } from '../loops/detector.ts';
import type { RunCore } from './run-core.ts';
import { keepNewest, type Totals } from './totals.ts';

/** How a run asks the detectors of its tree, and what it does with what they say. A `halt` stops the run that made the step. */
export function judgeRun(coreOf: () => RunCore, totals: Totals): Pick<RunCore, 'judge' | 'judgeText'> {
  const heed = (verdict: Verdict | undefined): void => {
    if (!verdict) return;
    const core = coreOf();
    keepNewest(totals.verdicts, verdict);
    core.guard.events.emit('loop:verdict', { run: core.info, verdict });
    if (verdict.level === 'halt') core.halt({ cause: 'loop', reason: verdict.reason, verdict, step: verdict.step });
  };
  // Arguments and results are the user's own objects, and some of the judge's functions are the user's too.
  const ask = (question: (judge: LoopJudge) => Verdict | undefined): Verdict | undefined => {
    try {
      return question(coreOf().tree.judge);
    } catch (error) {
      coreOf().guard.events.emit('hook:error', { hook: 'loop detection', error });
      return undefined;
    }
  };
  return {
    judge: (record) => heed(ask((judge) => judge.observe(record))),
    judgeText(delta, channel) {
      heed(ask((judge) => judge.observeText(delta, channel)));
      const stopped = coreOf().haltError();
      if (stopped) throw stopped;
    },
  };
}
