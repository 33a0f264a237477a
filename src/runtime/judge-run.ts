import type { Verdict } from '../core/verdict.ts';
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
  return {
    judge: (record) => heed(coreOf().tree.judge.observe(record)),
    judgeText(delta, channel) {
      heed(coreOf().tree.judge.observeText(delta, channel));
      const stopped = coreOf().haltError();
      if (stopped) throw stopped;
    },
  };
}
