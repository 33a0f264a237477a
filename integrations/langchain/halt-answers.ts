import type { FallbackAnswer, Run } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';

interface HaltAnswer {
  readonly coming: Promise<FallbackAnswer>;
  /** Undefined while it is being made. */
  given: FallbackAnswer | 'none' | undefined;
}

const answers = new WeakMap<Run, HaltAnswer>();

/**
 * The fallback's answer to the halt of a run; undefined where there is none. Several doors may ask: the fallback is asked
 * once. A run that was stopped because one around it was is not answered here: whoever opened that one answers.
 */
export function haltAnswer(guard: AnyGuard, run: Run): Promise<FallbackAnswer> {
  if (!run.halted) return Promise.resolve(undefined);
  const known = answers.get(run);
  if (known) return known.coming;
  const answer: HaltAnswer = {
    coming: guard.answer(run).then((given) => {
      answer.given = given ?? 'none';
      return given;
    }),
    given: undefined,
  };
  answers.set(run, answer);
  return answer.coming;
}

/** Whether the halt of this run has an answer, so that an agent that ended well must not be made to fail. */
export const isAnswered = (run: Run): boolean => {
  const given = answers.get(run)?.given;
  return given !== undefined && given !== 'none';
};

/** The answer that a door is waiting for already, if any. */
export const comingAnswer = (run: Run): Promise<FallbackAnswer> | undefined => answers.get(run)?.coming;
