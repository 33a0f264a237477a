import type { StepRecord } from '../core/step.ts';
import type { Verdict, VerdictEvidence } from '../core/verdict.ts';
import { chantDetector, reasonOf, type Chant, type ChantState } from './chant.ts';
import { costs, type CostsState } from './costs.ts';
import { cycleDetector } from './cycle.ts';
import type { LoopJudge } from './detector.ts';
import { growthDetector } from './growth.ts';
import { handoffDetector } from './handoff.ts';
import { shortHash } from './hash.ts';
import { noNewsDetector } from './no-news.ts';
import { loopFigures, withoutDetectors, type LoopOptions } from './options.ts';
import { printsOf } from './prints.ts';
import { recent } from './recent.ts';
import { repeatDetector } from './repeat.ts';
import { sameOutcomeDetector } from './same-outcome.ts';
import { sameWordsDetector } from './same-words.ts';
import { staleGroundDetector } from './stale-ground.ts';
import type { LoopDetector, Suspicion } from './suspicion.ts';
import { track, type TrackState } from './track.ts';

interface JudgeState {
  readonly version: 1;
  readonly track: TrackState;
  readonly costs: CostsState;
  readonly detectors: Record<string, unknown>;
  readonly warned: [number, number][];
  readonly chants: { readonly text: ChantState; readonly thinking: ChantState };
  readonly lastStep: number;
}

const EVIDENCE_MAX = 64;
const WARNED_MAX = 64;

/** What explains most: a cycle says more than the repeats that it is made of, a repeat more than a storm of failures. */
const explanation = (suspicions: readonly Suspicion[]): Suspicion | undefined =>
  suspicions.find(({ kind, laps }) => kind === 'cycle' && laps >= 3) ??
  suspicions.find(({ kind, laps }) => kind === 'repeat' && laps >= 3) ??
  suspicions[0];

const makers: Record<string, (restored?: never) => LoopDetector> = {
  repeat: repeatDetector,
  cycle: cycleDetector,
  'no-news': noNewsDetector,
  'same-outcome': sameOutcomeDetector,
  'stale-ground': staleGroundDetector,
  growth: growthDetector,
  handoff: handoffDetector,
  'same-words': sameWordsDetector,
};

/** Judges the steps of one run tree. `restored` is what `save()` gave in another process. */
export function createLoopJudge(options: LoopOptions = {}, restored?: unknown): LoopJudge {
  const figures = loopFigures(options.loops);
  const without = withoutDetectors(options.loops);
  const state = (restored as JudgeState | undefined)?.version === 1 ? (restored as JudgeState) : undefined;
  const seen = track(state?.track);
  const spent = costs(state?.costs);
  const detectors = Object.entries(makers)
    .filter(([name]) => !without.has(name))
    .map(([name, make]) => make(state?.detectors[name] as never));
  const warned = recent<number>(WARNED_MAX, state?.warned);
  const contents: VerdictEvidence[] = [];
  const chants = { text: chantDetector(state?.chants.text), thinking: chantDetector(state?.chants.thinking) };
  let lastStep = state?.lastStep ?? -1;

  const verdictOf = (step: StepRecord, level: Verdict['level'], suspicions: readonly Suspicion[], strongest: Suspicion): Verdict => {
    const { kind, period, laps, firstStep, steps, reason, clearedBy, score } = strongest;
    return {
      level,
      kind,
      detectors: suspicions.map((suspicion) => suspicion.kind),
      step: step.index,
      firstStep,
      period,
      laps,
      steps,
      identity: shortHash(strongest.identity),
      reason,
      waste: spent.wasteOf(steps, period ?? 1),
      confidence: Math.min(1, score / figures.haltAt),
      clearedBy,
      evidence: () => contents.filter((past) => steps.includes(past.step)),
    };
  };

  /** The step that streams is not over yet: it is the one after the last. */
  const verdictOfChant = (chant: Chant, channel: 'text' | 'thinking'): Verdict => ({
    level: 'halt',
    kind: chant.kind,
    detectors: [chant.kind],
    step: lastStep + 1,
    firstStep: lastStep + 1,
    period: null,
    laps: chant.laps,
    steps: [lastStep + 1],
    identity: shortHash(chant.identity),
    reason: reasonOf(chant, channel),
    waste: { steps: 0, tokens: Math.ceil((chant.size * (chant.laps - 1)) / 4), nanoUsd: null },
    confidence: 1,
    clearedBy: 'text that says something else',
    evidence: () => [],
  });

  return {
    observe(step: StepRecord): Verdict | undefined {
      lastStep = step.index;
      spent.add(step);
      const prints = printsOf(step, options.tools?.[step.name]);
      if (!prints) return undefined;
      contents.push({ step: step.index, name: step.name, args: step.args, output: step.output });
      if (contents.length > EVIDENCE_MAX) contents.shift();
      const moment = seen.observe(prints);
      const suspicions = detectors
        .map((detector) => detector.observe(prints, moment))
        .filter((suspicion) => suspicion !== undefined)
        .filter(({ score }) => score >= figures.warnAt)
        .sort((a, b) => b.score - a.score);
      const strongest = suspicions[0];
      if (strongest === undefined) return undefined;
      if (strongest.score >= figures.haltAt) return verdictOf(step, 'halt', suspicions, explanation(suspicions) ?? strongest);
      // One warning a loop, in whichever way it is seen; a loop that was broken and begins again is a new one.
      const isKnown = suspicions.some(({ identity, laps }) => (warned.get(identity) ?? Infinity) <= laps);
      for (const { identity, laps } of suspicions) warned.put(identity, laps);
      return isKnown ? undefined : verdictOf(step, 'warn', suspicions, explanation(suspicions) ?? strongest);
    },
    observeText(delta, channel) {
      const chant = chants[channel].push(delta);
      return chant === undefined ? undefined : verdictOfChant(chant, channel);
    },
    save: (): JudgeState => ({
      version: 1,
      track: seen.save(),
      costs: spent.save(),
      detectors: Object.fromEntries(detectors.map((detector) => [detector.name, detector.save()])),
      warned: warned.save(),
      chants: { text: chants.text.save(), thinking: chants.thinking.save() },
      lastStep,
    }),
  };
}
