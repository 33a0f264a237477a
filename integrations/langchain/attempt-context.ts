import type { Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';

/** How the newest attempt at the model call around us came out. */
export interface AttemptWatch {
  newest: 'none' | 'ok' | 'failed';
}

/** What a door tells the doors inside it: under which name it meters the attempt, and whom to tell how it came out. */
export class AttemptMark {
  readonly key: string | undefined;
  readonly watch: AttemptWatch | undefined;

  constructor(key: string | undefined, watch: AttemptWatch | undefined) {
    this.key = key;
    this.watch = watch;
  }
}

/**
 * What a door around us says of the attempt: the name under which it meters it (LangChain's own id of the call is not known so far
 * out), and who wants to know how it comes out.
 */
export function attemptAround(guard: AnyGuard): AttemptMark | undefined {
  const mark = guard.current()?.mark;
  return mark instanceof AttemptMark ? mark : undefined;
}

/** Runs `fn` as one attempt of this name at the step. */
export const withinAttempt = <T>(step: Step, key: string, watch: AttemptWatch | undefined, fn: () => T): T =>
  step.within(fn, new AttemptMark(key, watch));

/** Runs `fn` as the step, whose attempts are watched. */
export const watchingAttempts = <T>(step: Step, watch: AttemptWatch, fn: () => T): T => step.within(fn, new AttemptMark(undefined, watch));
