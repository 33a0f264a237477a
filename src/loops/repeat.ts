import { shortHash } from './hash.ts';
import { pollPatienceMs } from './options.ts';
import type { Prints } from './prints.ts';
import { recent } from './recent.ts';
import { addStep, type LoopDetector, type Suspicion } from './suspicion.ts';
import { isDoing, type Moment } from './track.ts';

interface Streak {
  weight: number;
  count: number;
  first: number;
  startedAt: number;
  steps: number[];
}

export interface RepeatState {
  readonly streaks: [number, Streak][];
}

const STREAKS_MAX = 128;
/** A repeat with other attempts in between is weaker evidence than one that follows at once. */
export const SPACED = 0.7;
/** After this many rounds a repeat is rather a second look than a loop. */
const LONG_GAP_ROUNDS = 24;
/** From this weight on, numbers that differ weigh less still. */
const DRIFT_TOLD = 3.5;

/** The same call with the same answer, whatever lies between. Each repeat weighs by what happened since. */
export function repeatDetector(restored?: RepeatState): LoopDetector {
  const streaks = recent<Streak>(STREAKS_MAX, restored?.streaks);
  return {
    name: 'repeat',
    observe(prints, moment) {
      if (moment.answer === 'first' || moment.isTwin) return undefined;
      const { step, call } = prints;
      const streak = streaks.get(call) ?? newStreak(moment);
      streaks.put(call, streak);
      if (moment.answer === 'changed') {
        streak.weight = 1 + (streak.weight - 1) / 4;
        streak.count = 1;
        streak.first = step.index;
        streak.startedAt = step.endedAt;
        streak.steps = [step.index];
        return undefined;
      }
      if (moment.since === 'state' || moment.since === 'response') streak.weight = 1 + (streak.weight - 1) / 2;
      streak.weight += moment.answer === 'drift' ? driftOf(prints, moment, streak.weight) : weightOf(prints, moment);
      streak.count++;
      addStep(streak.steps, step.index);
      return suspicionOf(prints, streak, moment);
    },
    save: (): RepeatState => structuredClone({ streaks: streaks.save() }),
  };
}

const newStreak = ({ previousStep, previousEndedAt }: Moment): Streak => ({
  weight: 1,
  count: 1,
  first: previousStep,
  startedAt: previousEndedAt,
  steps: [previousStep],
});

/** How much one more occurrence counts, in futile rounds. */
function weightOf(prints: Prints, { answer, since, tick, previousTick, isBackingOff, isVaried }: Moment): number {
  const { step, nature, isError, isTransient } = prints;
  // A pause between other steps is no loop; nothing but pauses is.
  if (nature.isWait) return tick - previousTick <= 1 ? 0.5 : 0;
  let weight = weightAfter(since, isError || step.kind === 'model', tick - previousTick);
  if (answer === 'returned') weight *= isVaried ? 0.15 : 0.6;
  if (nature.hasSideEffects && !isError) weight *= 2;
  if (nature.isPoll && !isError) weight *= 0.6;
  if (isBackingOff) weight *= 0.25;
  if (isTransient && isError) weight *= 0.4;
  if (tick - previousTick > LONG_GAP_ROUNDS) weight *= 0.4;
  return weight;
}

/** Numbers that move may be a clock or a counter of the host's, or a loss that falls: soon worth a word, late a stop. */
function driftOf({ nature }: Prints, { since, isBackingOff }: Moment, weight: number): number {
  if (nature.isPoll || nature.isWait || isBackingOff) return 0;
  return isDoing(since) || weight >= DRIFT_TOLD ? 0.05 : 0.15;
}

/** `isVain`: a failure, or words again; an answer that a tool gives once more may be what was wanted. */
function weightAfter(since: Moment['since'], isVain: boolean, gap: number): number {
  switch (since) {
    case 'state':
    case 'write':
      return isVain ? 0.5 : 0.1;
    case 'response':
    case 'reply':
      return 0.5;
    case 'act':
      return isVain ? 0.6 : 0.2;
    case 'news':
      // Who comes back to a place between finds is rather at home there than lost.
      return isVain ? 0.6 : gap > 2 ? 0.25 : 0.45;
    case 'none':
      return gap <= 1 ? 1 : SPACED;
  }
}

function suspicionOf(prints: Prints, streak: Streak, { answer }: Moment): Suspicion {
  const { step, policy, call, resultSize, isError } = prints;
  const patienceMs = pollPatienceMs(policy);
  const waitedMs = step.endedAt - streak.startedAt;
  // A declared poll is judged by time: half its patience is a warning's worth, all of it a halt's.
  const weight =
    patienceMs === undefined
      ? streak.weight - Math.max(0, (policy?.maxRepeats ?? 1) - 1)
      : Math.min(streak.weight, (waitedMs / patienceMs) * 5);
  const what = isError ? 'the same failure' : answer === 'drift' ? 'results that differ only in numbers' : 'the same result';
  return {
    kind: patienceMs === undefined ? 'repeat' : 'stuck-poll',
    identity: call,
    score: weight,
    period: 1,
    laps: streak.count,
    firstStep: streak.first,
    steps: streak.steps,
    reason: () => `${describe(prints)} came ${streak.count} times with ${what} (${resultSize} characters, call ${shortHash(call)})`,
    clearedBy: 'another answer to the same call, a change made in between, or another call',
  };
}

/** The call by name, for reasons. */
export const describe = ({ step }: Prints): string =>
  step.kind === 'tool' ? `tool ${step.name}` : `a message of ${step.agent ?? 'the model'}`;
