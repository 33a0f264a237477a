import type { HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import type { Offer } from '../core/offer.ts';
import type { RunReport } from '../core/report.ts';
import type { Call } from '../core/step.ts';
import type { BeginOptions } from './reserve.ts';
import type { RunSnapshot } from './run-snapshot.ts';
import type { Step, Work } from './step.ts';

/**
 * One guarded execution of an agent.
 *
 * @example
 * const run = guard.start({ scopes: { user: 'u1' } });
 * const answer = await run.step({ kind: 'model', model: 'gpt-4o', input }, async (offer, signal) => callModel(offer, signal));
 * await run.end();
 */
export interface Run {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly agent: string | undefined;
  readonly tenant: string;
  /** The ids that were given, by scope. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Aborts when the run is halted; its reason is the error. Pass it on to whatever works in the run. */
  readonly signal: AbortSignal;
  /** Why the run was stopped, once it was. */
  readonly halted: Halt | undefined;
  /** The one error with which this run, or one around it, was stopped. */
  readonly haltError: HaltError | undefined;
  readonly isEnded: boolean;
  /** Holds what a call may need, or throws the run's halt error. End the step that it gives. */
  begin(call: Call, options?: BeginOptions): Promise<Step>;
  /** A whole step: holds, does the work as the offer allows, settles, and asks the detectors. */
  step<T>(call: Call, work: (offer: Extract<Offer, { kind: 'call' }>, signal: AbortSignal) => Work<T> | Promise<Work<T>>): Promise<T>;
  /** Runs `fn` in this run's context: doors inside find the run. */
  within<T>(fn: () => T): T;
  /** A function that runs in this run's context wherever it is called: for queues, workers and pools. */
  bind<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
  /** Stops the run: nothing more begins, the signal aborts. Returns the error that callers will see. */
  halt(reason?: string): HaltError;
  /**
   * Lets the run's `duration` stand still until the returned function is called. A host that then goes on from a checkpoint
   * may make calls again that were done before the pause: those that `begin` is given the same `replayKey` for count once.
   */
  pause(): () => void;
  /**
   * The run as it stands, as JSON-safe data: `guard.start({ resume })` goes on from it, also in another process. Usage, steps,
   * limits, the standing on the ladder, the loop state and the duration go on where they were. Take it of the outermost run,
   * while no step is open: what is still under way is not in it.
   *
   * @throws the halt error of a run that was halted; RunEndedError of one that is over; InvalidOptionError of an inner run
   * @example await kv.set(thread, JSON.stringify(run.snapshot()));
   */
  snapshot(): RunSnapshot;
  /**
   * What the detectors know of the run and those around it, as bounded JSON-safe data without content: give it to the run
   * that goes on under the same id, `guard.start({ id, loopState })`, also in another process.
   */
  loopState(): unknown;
  /** What the run has done and cost so far. */
  report(): RunReport;
  /** Ends the run. Steps that are still open are booked as they stand. Resolves when everything is written. */
  end(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
