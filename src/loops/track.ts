import { hashText } from './hash.ts';
import type { Prints } from './prints.ts';
import { recent } from './recent.ts';
import { seenWords, type SeenWordsState } from './seen-words.ts';

/**
 * How a call was answered, beside what the same call got before.
 * - `first`: the call is new
 * - `same`: the same answer; for writes, and for failures that nothing was done about, also one that differs in numbers only
 * - `drift`: only numbers differ
 * - `returned`: not the last answer, but one that this call gave before
 * - `changed`: another answer: the world responds
 */
export type Answer = 'first' | 'same' | 'drift' | 'returned' | 'changed';

/** What a step means beside the steps before it. */
export interface Moment {
  /** Counts rounds, over all agents of the tree. */
  readonly tick: number;
  /** Asked for at once with an equal call: no further occurrence. */
  readonly isTwin: boolean;
  readonly answer: Answer;
  /** The tick, step and time at which the same call was made before. */
  readonly previousTick: number;
  readonly previousStep: number;
  readonly previousEndedAt: number;
  /** Share of the result's word pairs that this run never read before, 0..1. */
  readonly novelty: number;
  /** Share of the result's numbers and ids that this run never read before, 0..1. */
  readonly newNumbers: number;
  /** The answer brought something that was not known. */
  readonly isNews: boolean;
  /** The strongest progress since the same call was made before. */
  readonly since: Progress;
  /** More time than ever lies between this and the same call before, or a wait does, or the call itself begins with one. */
  readonly isBackingOff: boolean;
  /** So many answers did this call give of late that one of them coming back says little: a die, a walk. */
  readonly isVaried: boolean;
  /** Read again because the history was compacted. Excused once; then only where something was achieved since. */
  readonly isRecall: boolean;
}

/** Kinds of progress, strongest first. */
export type Progress = 'state' | 'response' | 'write' | 'reply' | 'act' | 'news' | 'none';

/** Answers of fewer new words than this share say nothing new. */
const NEWS_SHARE = 0.15;
const QUIET_SHARE = 0.1;
/** A gap that grew by this much beside the longest, which fades with each that is shorter, is a back-off. */
const LONGER = 1.4;
const FADING = 0.8;
/** From this many characters of arguments a call carries something into the world rather than asks. */
export const PAYLOAD_SIZE = 120;
const CALLS_MAX = 192;
const ANSWERS_KEPT = 4;

interface Known {
  readonly answers: number[];
  form: number;
  wasError: boolean;
  round: number;
  tick: number;
  step: number;
  endedAt: number;
  /** The longest gap since its answer last changed: gaps of a model's own pace go up and down. */
  gapMs: number;
  /** The compaction after which it was made, and whether the newest of its repeats were a recall. */
  epoch?: number;
  wasRecalled?: boolean;
}

export interface TrackState {
  readonly calls: [number, Known][];
  readonly words: SeenWordsState;
  readonly tick: number;
  readonly round: number;
  readonly marks: Record<Progress | 'wait', number>;
  readonly states: number[];
  readonly epoch?: number;
}

const STATES_MAX = 128;
const STATE_SIZE = 1024;

/** Remembers calls, words and progress, and tells what each step means beside them. O(1) a step. */
export function track(restored?: TrackState) {
  const calls = recent<Known>(CALLS_MAX, restored?.calls);
  const words = seenWords(restored?.words);
  let tick = restored?.tick ?? 0;
  let round = restored?.round ?? -1;
  const marks = { state: -1, response: -1, write: -1, reply: -1, act: -1, news: -1, none: -1, wait: -1, ...restored?.marks };
  let states = restored?.states ?? [];
  let epoch = restored?.epoch ?? 0;

  const progressSince = (past: number): Progress => {
    for (const kind of ['state', 'response', 'write', 'reply', 'act', 'news'] as const) if (marks[kind] > past) return kind;
    return 'none';
  };
  const isNewState = (state: string | undefined): boolean => {
    if (state === undefined) return false;
    const hash = hashText(state.slice(0, STATE_SIZE));
    if (states.includes(hash)) return false;
    const isChange = states.length > 0;
    states = [...states, hash].slice(-STATES_MAX);
    return isChange;
  };

  return {
    observe(prints: Prints): Moment {
      if (prints.round !== round) {
        tick++;
        round = prints.round;
      }
      const { step, nature } = prints;
      epoch = step.epoch ?? epoch;
      words.read(prints.argsWords);
      const novelty = words.read(prints.resultWords);
      words.readMarks(prints.argsMarks);
      const newNumbers = words.readMarks(prints.resultMarks);
      const hasMoved = isNewState(step.stateHash);
      const known = calls.get(prints.call);
      const isTwin = known?.round === prints.round;
      const gapMs = known === undefined ? 0 : step.startedAt - known.endedAt;
      const past = known?.tick ?? -1;
      const since = known === undefined ? 'none' : progressSince(past);
      const answer = hasMoved && known !== undefined ? 'changed' : answerOf(prints, known, novelty, since);
      const isCompacted = known !== undefined && (known.epoch ?? 0) !== epoch;
      const isKnownAnswer = answer !== 'first' && answer !== 'changed';
      const moment: Moment = {
        tick,
        isTwin,
        answer,
        previousTick: past,
        previousStep: known?.step ?? step.index,
        previousEndedAt: known?.endedAt ?? step.startedAt,
        novelty,
        newNumbers,
        isNews:
          prints.outcome === 'answer' &&
          novelty >= NEWS_SHARE &&
          answer !== 'same' &&
          answer !== 'returned' &&
          prints.resultWords.length > 1,
        since,
        isBackingOff:
          known !== undefined &&
          (marks.wait > past || nature.isPaced || (known.gapMs > 0 && gapMs >= 1000 && gapMs >= known.gapMs * LONGER)),
        isVaried: known !== undefined && known.answers.length >= ANSWERS_KEPT,
        isRecall: isCompacted && isKnownAnswer && asksOnly(prints) && (known.wasRecalled !== true || since !== 'none'),
      };
      if (nature.isWait) marks.wait = tick;
      else if (!isTwin) markProgress(prints, moment);
      if (hasMoved) marks.state = tick;
      const answers = known?.answers ?? [];
      if (answer !== 'same' && answer !== 'returned') answers.push(prints.result);
      else answers.push(...answers.splice(answers.indexOf(prints.result), answers.includes(prints.result) ? 1 : 0));
      if (answers.length > ANSWERS_KEPT) answers.shift();
      const isHeldBack = step.answeredByGuard === true && known !== undefined;
      calls.put(prints.call, {
        answers,
        form: isHeldBack ? known.form : prints.form,
        wasError: isHeldBack ? known.wasError : prints.isError,
        round: prints.round,
        tick,
        step: step.index,
        endedAt: step.endedAt,
        gapMs: answer === 'changed' ? 0 : Math.max(gapMs, (known?.gapMs ?? 0) * FADING),
        epoch,
        wasRecalled: moment.isRecall || (isKnownAnswer && known?.wasRecalled === true),
      });
      return moment;
    },
    /** The strongest progress since this call was made before; undefined where it was not. */
    progressSince: (call: number): Progress | undefined => {
      const known = calls.get(call);
      return known && progressSince(known.tick);
    },
    save: (): TrackState => structuredClone({ calls: calls.save(), words: words.save(), tick, round, marks, states, epoch }),
  };

  function markProgress({ step, isError, nature, argsSize }: Prints, { answer, isNews }: Moment): void {
    if (step.kind === 'model') {
      if (step.reply !== undefined && step.reply !== '') marks.reply = tick;
      return;
    }
    if (isError) return;
    if (answer === 'first') {
      if (nature.effect === 'write') marks.write = tick;
      else if (nature.effect === 'unknown' && argsSize > 0) marks.act = tick;
      if (isNews) marks.news = tick;
    } else if (answer === 'changed' && nature.effect !== 'write') marks.response = tick;
  }
}

/** Something was done to the world, or may have been. */
export const isDoing = (since: Progress): boolean => since === 'state' || since === 'write' || since === 'act';

/** Nothing was done to the world by this call, as far as can be told. */
const asksOnly = ({ step, nature, isError }: Prints): boolean =>
  step.kind === 'tool' && !isError && nature.effect !== 'write' && !nature.hasSideEffects;

function answerOf(prints: Prints, known: Known | undefined, novelty: number, since: Progress): Answer {
  if (known === undefined) return 'first';
  if (prints.step.answeredByGuard === true) return 'same';
  const last = known.answers.at(-1);
  if (prints.result === last) return 'same';
  const isSameForm = prints.form === known.form;
  // Behind a change, numbers are what tells of it: 11 tests fail where 12 did.
  if (isSameForm && prints.isError && known.wasError) return isDoing(since) ? 'drift' : 'same';
  const isWriting = prints.nature.effect === 'write' || (prints.nature.effect === 'unknown' && prints.argsSize >= PAYLOAD_SIZE);
  if (isWriting && prints.isError === known.wasError && (isSameForm || novelty <= QUIET_SHARE)) return 'same';
  if (known.answers.includes(prints.result)) return 'returned';
  return isSameForm ? 'drift' : 'changed';
}
