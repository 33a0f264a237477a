import type { Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';

/** How the newest attempt at the model call around us came out. */
export interface AttemptWatch {
  newest: 'none' | 'ok' | 'failed';
}

/** What a door tells the doors inside it: under which name it meters the attempt, and whom to tell how it came out. */
class AttemptMark {
  readonly key: string | undefined;
  readonly watch: AttemptWatch | undefined;

  constructor(key: string | undefined, watch: AttemptWatch | undefined) {
    this.key = key;
    this.watch = watch;
  }
}

function markOf(guard: AnyGuard): AttemptMark | undefined {
  const mark = guard.current()?.mark;
  return mark instanceof AttemptMark ? mark : undefined;
}

/** The name under which a door around us meters this attempt. LangChain's own id of the call is not known so far out. */
export const attemptKey = (guard: AnyGuard): string | undefined => markOf(guard)?.key;

/** Who wants to know how the attempts at the model call around us come out. */
export const attemptWatch = (guard: AnyGuard): AttemptWatch | undefined => markOf(guard)?.watch;

/** Runs `fn` as one attempt of this name at the step. */
export const withinAttempt = <T>(guard: AnyGuard, step: Step, key: string, fn: () => T): T =>
  step.within(fn, new AttemptMark(key, attemptWatch(guard)));

/** Runs `fn` as the step, whose attempts are watched. */
export const watchingAttempts = <T>(step: Step, watch: AttemptWatch, fn: () => T): T => step.within(fn, new AttemptMark(undefined, watch));
