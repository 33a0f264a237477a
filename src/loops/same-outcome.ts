import { hashNumbers, shortHash } from './hash.ts';
import type { Prints } from './prints.ts';
import { describe } from './repeat.ts';
import { firstWords } from './scan.ts';
import { overlap, sketchOf } from './sketch.ts';
import { isExpected, addStep, type LoopDetector } from './suspicion.ts';
import { isDoing, type Moment } from './track.ts';

interface Outcome {
  readonly form: number;
  readonly kind: Prints['outcome'];
  /** The smallest hashes of its words: equal shares of two such sketches estimate how much two texts have in common. */
  readonly sketch: number[];
  weight: number;
  count: number;
  /** Hash of the newest result. */
  result: number;
  /** How many of its calls were new when they were made. */
  distinct: number;
  round: number;
  /** The words of the newest questions, and the targets of all, both bounded. */
  readonly questions: number[][];
  readonly targets: number[];
  steps: number[];
}

export interface SameOutcomeState {
  readonly outcomes: Outcome[];
}

const OUTCOMES_MAX = 16;
const ARGS_KEPT = 32;
const QUESTIONS_KEPT = 4;
const TARGETS_KEPT = 64;
/** Failures with this much of their words in common are one failure. */
const SAME_FAILURE = 0.6;
/** Arguments with this much of their words in common are one question in other words. */
const SAME_QUESTION = 0.6;
const SHORT_RESULT = 200;
const WORDY = 8;
/** The same long answer to other calls of a tool of which nobody knows what it does. */
const UNKNOWN_SAME = 0.2;
/** An answer is filled anew when so many of its numbers and ids are, and at least so large a share: more than a clock and a request's id. */
const FILLED_LEAST = 6;
const FILLED_SHARE = 0.2;
const AGAIN = 0.4;
const NOTHING_AGAIN = 0.15;

/** One outcome under many arguments: the same failure over sibling tools, the same nothing for twenty searches. */
export function sameOutcomeDetector(restored?: SameOutcomeState): LoopDetector {
  const outcomes: Outcome[] = restored?.outcomes ?? [];
  return {
    name: 'same-outcome',
    observe(prints, moment) {
      if (prints.step.kind !== 'tool' || moment.isTwin || prints.nature.isWait) return undefined;
      fade(outcomes, prints, moment);
      const sketch = prints.outcome === 'answer' ? [] : sketchOf(prints.resultWords, prints.argsWords);
      // What a person allowed begins a new count of this outcome.
      if (prints.step.approved === true) outcomes.splice(0, outcomes.length, ...outcomes.filter((past) => !isSame(past, prints, sketch)));
      const place = outcomes.findIndex((outcome) => isSame(outcome, prints, sketch));
      const found = outcomes[place];
      if (found !== undefined) {
        if (found.round !== prints.round) found.weight += weightOf(found, prints, moment);
        found.count += found.round === prints.round ? 0 : 1;
        found.distinct += moment.answer === 'first' ? 1 : 0;
        found.result = prints.result;
        found.round = prints.round;
        found.questions.push(firstWords(prints.argsWords, ARGS_KEPT));
        if (found.questions.length > QUESTIONS_KEPT) found.questions.shift();
        if (asksTargets(prints)) addTargets(found.targets, prints.targets());
        addStep(found.steps, prints.step.index);
        outcomes.splice(place, 1);
      }
      outcomes.push(found ?? newOutcome(prints, sketch));
      if (outcomes.length > OUTCOMES_MAX) outcomes.shift();
      if (found === undefined) return undefined;
      return {
        kind: prints.outcome === 'failure' ? 'error-storm' : 'same-outcome',
        identity: hashNumbers(2, found.form),
        score: found.weight,
        period: null,
        laps: found.count,
        firstStep: found.steps[0] ?? prints.step.index,
        steps: found.steps,
        reason: () =>
          `${found.count} calls with other arguments had one ${prints.outcome === 'failure' ? 'failure' : 'result'} (${prints.resultSize} characters, form ${shortHash(found.form)}); last: ${describe(prints)}`,
        clearedBy: 'an answer of another kind',
      };
    },
    save: (): SameOutcomeState => structuredClone({ outcomes }),
  };
}

const newOutcome = (prints: Prints, sketch: number[]): Outcome => ({
  form: prints.form,
  kind: prints.outcome,
  sketch,
  weight: 1,
  count: 1,
  result: prints.result,
  distinct: 1,
  round: prints.round,
  questions: [firstWords(prints.argsWords, ARGS_KEPT)],
  targets: asksTargets(prints) ? prints.targets().slice(0, TARGETS_KEPT) : [],
  steps: [prints.step.index],
});

function addTargets(known: number[], targets: readonly number[]): void {
  for (const target of targets) if (!known.includes(target)) known.push(target);
  if (known.length > TARGETS_KEPT) known.splice(0, known.length - TARGETS_KEPT);
}

/** Long answers to a question weigh the same for any target, and of failures and writes nobody asks. */
const asksTargets = ({ outcome, nature, resultSize }: Prints): boolean =>
  outcome !== 'failure' && nature.effect !== 'write' && (nature.effect === 'unknown' || resultSize <= SHORT_RESULT);

/** Progress takes weight from every outcome. */
function fade(outcomes: readonly Outcome[], prints: Prints, { isNews, answer }: Moment): void {
  if (prints.isError) return;
  const isWrite = prints.nature.effect === 'write' && answer === 'first';
  const fading = isWrite ? 0.5 : isNews ? 0.9 : 1;
  if (fading === 1) return;
  for (const outcome of outcomes) outcome.weight *= fading;
}

function isSame(outcome: Outcome, prints: Prints, sketch: readonly number[]): boolean {
  if (outcome.kind !== prints.outcome) return false;
  if (outcome.form === prints.form) return true;
  return prints.outcome !== 'answer' && overlap(outcome.sketch, sketch) >= SAME_FAILURE;
}

function weightOf(past: Outcome, prints: Prints, moment: Moment): number {
  const { outcome, nature, isTransient, resultSize } = prints;
  const { answer, isBackingOff } = moment;
  if (outcome === 'failure') return isTransient ? 0.3 : weightOfFailure(moment);
  if (nature.effect === 'write' || nature.isPoll || isBackingOff || isExpected(prints, 1)) return 0;
  // The same call again is a repeat and judged as one; among other calls with this outcome it is one more of them.
  if (answer !== 'first')
    return past.distinct > 1 && nature.effect === 'read' && answer === 'same' ? (outcome === 'miss' ? NOTHING_AGAIN : AGAIN) : 0;
  const isSameQuestion = past.questions.some((question) => overlap(question, prints.argsWords) >= SAME_QUESTION);
  const isNewTarget = prints.targets().some((mark) => !past.targets.includes(mark));
  if (outcome === 'miss') return isSilent(prints) ? 0 : isNewTarget ? 0.15 : isSameQuestion ? 0.45 : 0.25;
  if (resultSize > SHORT_RESULT) {
    if (nature.effect === 'unknown') return isSameQuestion && !isNewTarget ? 0.6 : isStillTheSame(past, prints) ? UNKNOWN_SAME : 0;
    // Pages of a log, rows of a table: one form, filled each time with numbers and ids of its own.
    return isFilledAnew(prints, moment) ? 0 : 0.7;
  }
  return isSameQuestion && !isNewTarget && nature.effect === 'read' ? 0.6 : 0;
}

function weightOfFailure({ answer, since }: Moment): number {
  if (answer === 'first') return 0.6;
  // Another failure than before, behind something done: one is mended, and the next one shows.
  if (answer === 'drift' || answer === 'changed') return isDoing(since) ? 0.2 : 0.5;
  return since === 'reply' || isDoing(since) ? 0.5 : 1;
}

/** Of a tool that nobody knows: no word is what an act answers that went well; `nothing found` is what a question does. */
const isSilent = ({ nature, resultSize }: Prints): boolean => nature.effect === 'unknown' && resultSize < WORDY;

const isStillTheSame = (past: Outcome, { result, nature }: Prints): boolean => past.result === result && !nature.isInput;

const isFilledAnew = ({ resultMarks }: Prints, { newNumbers }: Moment): boolean =>
  newNumbers >= FILLED_SHARE && newNumbers * resultMarks.length >= FILLED_LEAST;
