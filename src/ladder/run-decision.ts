import type { Limits } from '../core/budget.ts';

const brand = Symbol.for('holdfast.decision');

/** What a person has decided of a run that was handed over, other than to answer it. */
export type RunDecision =
  | {
      readonly kind: 'resume';
      /** What the model is told, in the name of the user. */
      readonly words: string | undefined;
      /** New limits of the run itself; those that are not named stay. */
      readonly limits: Limits | undefined;
    }
  | { readonly kind: 'stop'; readonly reason: string }
  | {
      /** The person answers later: the call fails with this, and the rung is asked again when the call is made again. */
      readonly kind: 'wait';
      readonly error: unknown;
    };

/** A decision as `handoff` takes it. */
export interface HandoffDecision {
  readonly [brand]: RunDecision;
}

/**
 * The run goes on where it stood, with a person's words, a raised limit, or both. The answer counts as progress: a loop that
 * it was in is forgotten.
 *
 * @example handoff(async (run) => resumeRun({ words: await ask(run), limits: { steps: 100 } }), { timeoutMs: 600_000 })
 */
export const resumeRun = ({ words, limits }: { readonly words?: string; readonly limits?: Limits } = {}): HandoffDecision => ({
  [brand]: { kind: 'resume', words, limits },
});

/** The run is stopped in the name of a person, with the error of the halt. */
export const stopRun = (reason = 'a person stopped the run'): HandoffDecision => ({ [brand]: { kind: 'stop', reason } });

/**
 * The person answers later, perhaps when this process is gone: the call fails with `error`, which is the host's own way to
 * pause (LangGraph's interrupt, an exception that a queue understands). Nothing is held or halted. When the host makes the
 * call again, the hand-off is asked again before anything else, with the same package, and says what the person has decided.
 *
 * @example handoff(async (run) => (await answerTo(run.runId)) ?? pauseRun(new WaitingForPerson(run.runId)))
 */
export const pauseRun = (error: unknown): HandoffDecision => ({ [brand]: { kind: 'wait', error } });

/** The decision in what a function returned; undefined where that is an answer. */
export const decisionIn = (value: unknown): RunDecision | undefined =>
  typeof value === 'object' && value !== null ? (value as Partial<HandoffDecision>)[brand] : undefined;
