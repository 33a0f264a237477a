import type { StepRecord } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';
import { approvals, type ApprovalsState } from './approvals.ts';
import { builtInDetectors } from './built-in.ts';
import { chantDetector, type ChantState } from './chant.ts';
import { costs, type CostsState } from './costs.ts';
import type { LoopJudge } from './detector.ts';
import { evidenceKeeper } from './evidence.ts';
import { hashName } from './hash.ts';
import { learnedFields, type LearnedFieldsState } from './learned-fields.ts';
import { loopFigures, withoutDetectors, type LoopOptions } from './options.ts';
import { printsOf, type Settle } from './prints.ts';
import { recent } from './recent.ts';
import type { Suspicion } from './suspicion.ts';
import { track, type TrackState } from './track.ts';
import { userDetectors } from './user-detectors.ts';
import { verdictOf, verdictOfChant, verdictOfSighting } from './verdicts.ts';

interface JudgeState {
  readonly version: 1;
  readonly track: TrackState;
  readonly learned?: LearnedFieldsState;
  readonly approved?: ApprovalsState;
  readonly costs: CostsState;
  readonly detectors: Readonly<Record<string, unknown>>;
  readonly warned: [number, number][];
  readonly chants: { readonly text: ChantState; readonly thinking: ChantState };
  readonly lastStep: number;
}

const WARNED_MAX = 64;
/** A loop that has wasted this many tokens is halted a fifth sooner. */
const DEAR_TOKENS = 200_000;
const DEAR_FACTOR = 0.8;

/**
 * Judges the steps of one run tree. `restored` is what `save()` gave, perhaps in another process; what cannot be read is left out.
 *
 * @example
 * const judge = createLoopJudge({ loops: 'standard', tools: { job_status: { poll: '30m' } } });
 * const verdict = judge.observe(record); // undefined, or a warning or a halt with its reason
 */
export function createLoopJudge(options: LoopOptions = {}, restored?: unknown): LoopJudge {
  const state = isState(restored) ? restored : undefined;
  if (state === undefined) return judgeFrom(options, undefined);
  try {
    return judgeFrom(options, structuredClone(state));
  } catch {
    // A state that was tampered with or cut is no reason to fail a run.
    return judgeFrom(options, undefined);
  }
}

function isState(value: unknown): value is JudgeState {
  return typeof value === 'object' && value !== null && (value as { version?: unknown }).version === 1;
}

function judgeFrom(options: LoopOptions, state: JudgeState | undefined): LoopJudge {
  const figures = loopFigures(options.loops);
  const without = withoutDetectors(options.loops);
  const seen = track(state?.track);
  const approved = approvals(state?.approved);
  const learned = learnedFields(state?.learned);
  const spent = costs(state?.costs);
  const detectors = builtInDetectors(without, state?.detectors);
  const warned = recent<number>(WARNED_MAX, state?.warned);
  const chants = { text: chantDetector(state?.chants.text), thinking: chantDetector(state?.chants.thinking) };
  const evidence = evidenceKeeper();
  const askUser = userDetectors(options);
  const policies = new Map(Object.entries(options.tools ?? {}));
  let lastStep = state?.lastStep ?? -1;

  /** A field that changed while work was done may tell of the work: nothing is learnt from that. */
  const settle: Settle = (step, call) => {
    const since = seen.progressSince(approved.windowOf(call));
    return learned.settle(hashName(step.name), call, step.output ?? step.error, since === 'none' || since === 'news');
  };

  const judgeStep = (step: StepRecord): Verdict | undefined => {
    const whole = printsOf(step, policies.get(step.name), settle);
    if (whole === undefined) return undefined;
    if (step.approved === true) approved.approve(whole.call);
    const call = approved.windowOf(whole.call);
    const prints = call === whole.call ? whole : { ...whole, call };
    evidence.keep(prints);
    const moment = seen.observe(prints);
    if (moment.isRecall) return undefined;
    const suspicions: Suspicion[] = [];
    for (const detector of detectors) {
      const suspicion = detector.observe(prints, moment);
      if (suspicion && suspicion.score >= figures.warnAt) suspicions.push(suspicion);
    }
    const strongest = suspicions.sort((a, b) => b.score - a.score)[0];
    if (strongest === undefined) return undefined;
    const isDear = (spent.wasteOf(strongest.steps, strongest.period ?? 1).tokens ?? 0) >= DEAR_TOKENS;
    const haltAt = isDear ? figures.haltAt * DEAR_FACTOR : figures.haltAt;
    const context = { step: step.index, haltAt, wasteOf: spent.wasteOf, evidenceOf: evidence.of };
    if (strongest.score >= haltAt) return verdictOf(suspicions, { ...context, level: 'halt' });
    // One warning a loop, in whichever way it is seen; a loop that was broken and begins again is a new one.
    const isKnown = suspicions.some(({ identity, firstStep }) => (warned.get(identity) ?? -1) >= firstStep);
    for (const { identity } of suspicions) warned.put(identity, step.index);
    return isKnown ? undefined : verdictOf(suspicions, { ...context, level: 'warn' });
  };

  return {
    observe(step) {
      lastStep = step.index;
      spent.add(step);
      const built = judgeStep(step);
      const sighting = askUser(step);
      const isUsers = sighting !== undefined && built?.level !== 'halt' && (built === undefined || sighting.level === 'halt');
      return isUsers ? verdictOfSighting(sighting, step.index, evidence.of([step.index])) : built;
    },
    observeText(delta, channel) {
      if (without.has('chant')) return undefined;
      const chant = chants[channel].push(delta);
      return chant === undefined ? undefined : verdictOfChant(chant, channel, lastStep + 1);
    },
    save: (): JudgeState => ({
      version: 1,
      track: seen.save(),
      learned: learned.save(),
      approved: approved.save(),
      costs: spent.save(),
      detectors: Object.fromEntries(detectors.map((detector) => [detector.name, detector.save()])),
      warned: warned.save(),
      chants: { text: chants.text.save(), thinking: chants.thinking.save() },
      lastStep,
    }),
  };
}
