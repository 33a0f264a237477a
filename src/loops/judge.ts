import type { StepRecord } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import type { LoopJudge } from './detector.ts';
import { shortHash } from './hash.ts';
import { loopFigures, type LoopOptions } from './options.ts';
import { period, type PeriodState } from './period.ts';
import { printsOf } from './prints.ts';
import { recurrence, type RecurrenceState } from './recurrence.ts';

interface JudgeState {
  readonly version: 1;
  readonly recurrence: RecurrenceState;
  readonly period: PeriodState;
  readonly warned: string[];
}

/** Judges the steps of one run tree. `restored` is what `save()` gave in another process. */
export function createLoopJudge(options: LoopOptions = {}, restored?: unknown): LoopJudge {
  const figures = loopFigures(options.loops);
  const state = (restored as JudgeState | undefined)?.version === 1 ? (restored as JudgeState) : undefined;
  const calls = recurrence(state?.recurrence);
  const rounds = period(state?.period);
  const warned = new Set(state?.warned);
  const contents: { step: number; name: string; args: unknown; output: unknown }[] = [];

  return {
    observe(step: StepRecord): Verdict | undefined {
      const prints = printsOf(step, options.tools?.[step.name]);
      if (!prints) return undefined;
      contents.push({ step: step.index, name: step.name, args: step.args, output: step.output });
      if (contents.length > 64) contents.shift();
      const seen = calls.observe(prints);
      const cycle = rounds.observe(prints);
      const laps = cycle && cycle.period > 1 ? Math.max(cycle.laps, 0) : seen.count;
      const isCycle = cycle !== undefined && cycle.period > 1 && cycle.laps >= 3;
      const count = isCycle ? laps : seen.count - Math.max(0, (prints.policy?.maxRepeats ?? 1) - 1);
      const level = count >= figures.haltAt ? 'halt' : count >= figures.warnAt ? 'warn' : undefined;
      if (!level) return undefined;
      const identity = shortHash(isCycle ? cycle.identity : prints.call);
      if (level === 'warn' && warned.has(identity)) return undefined;
      warned.add(identity);
      const steps = isCycle ? contents.filter((past) => past.step >= cycle.firstStep).map((past) => past.step) : [...seen.steps];
      const reason = isCycle
        ? `a round of ${cycle.period} steps went ${cycle.laps} times with the same results (loop ${identity})`
        : `${step.name} was called ${seen.count} times with the same arguments and the same result (loop ${identity})`;
      return {
        level,
        kind: isCycle ? 'cycle' : 'repeat',
        detectors: isCycle ? ['period', 'recurrence'] : ['recurrence'],
        step: step.index,
        firstStep: isCycle ? cycle.firstStep : seen.first,
        period: isCycle ? cycle.period : 1,
        laps: isCycle ? cycle.laps : seen.count,
        steps,
        identity,
        reason,
        waste: { steps: Math.max(0, steps.length - 1), tokens: null, nanoUsd: null },
        confidence: Math.min(1, count / figures.haltAt),
        clearedBy: 'a different result, or a call that was not made before',
        evidence: () => contents.filter((past) => steps.includes(past.step)),
      };
    },
    observeText: () => undefined,
    save: (): JudgeState => ({ version: 1, recurrence: calls.save(), period: rounds.save(), warned: [...warned].slice(-64) }),
  };
}
