import { haltError as newHaltError, type HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import { abortWith } from './abort-with.ts';
import type { HaltFacts } from './halts.ts';
import type { RunCore } from './run-core.ts';

/** How a run is stopped: by one error, which aborts its signal, or softly, by its last step. What falls stays so. */
export class Latch {
  /** Why the run was stopped, once listeners have heard of it. */
  halted: Halt | undefined = undefined;
  /** The error with which the run was stopped. */
  error: HaltError | undefined = undefined;
  /** Set when the run was ended softly, by its last step. */
  closed: HaltError | undefined = undefined;
  readonly #run: RunCore;
  readonly #stopListening: (() => void) | undefined = undefined;
  #closing: { readonly facts: HaltFacts; readonly rung: string | undefined } | undefined = undefined;
  #isClosingOpen = false;
  #controller: AbortController | undefined = undefined;

  /** The run's signal aborts with the given ones. */
  constructor(run: RunCore, signals: readonly (AbortSignal | undefined)[]) {
    this.#run = run;
    if (signals.some((signal) => signal !== undefined))
      this.#stopListening = abortWith((this.#controller = new AbortController()), signals);
  }

  /** Made when it is first asked for: most runs of a proxy do without. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  halt(facts: HaltFacts): HaltError {
    if (this.error) return this.error;
    const run = this.#run;
    // A run that was ended softly has had its event, and its one error.
    if (this.closed && !run.isEnded) return this.#fall(this.closed);
    const halt = this.#haltOf(facts);
    // A run that is over can no longer be stopped: its report is final, and listeners have heard of its end.
    if (run.isEnded) return newHaltError(halt, run.report());
    return this.#fall(this.#tell(newHaltError(halt, { ...run.report(), halt })));
  }

  close(facts: HaltFacts, rung: string | undefined): void {
    this.#isClosingOpen = true;
    this.#closing = { facts, rung };
    const halt = this.#haltOf(facts);
    this.closed = newHaltError(halt, { ...this.#run.report(), halt });
  }

  closingEnded(isFailed: boolean): void {
    this.#isClosingOpen = false;
    const { closed } = this;
    if (!closed) return;
    if (isFailed && !this.error && this.#closing && this.#run.ladder?.leavesTo(this.#closing)) this.closed = undefined;
    else if (isFailed) this.#fall(this.#tell(closed));
    else this.#tell(closed);
  }

  /** The error for whoever begins a step of a run that was ended softly; the last answer may still be under way, and is not aborted. */
  refuse(ended: HaltError): HaltError {
    return ended === this.closed && !this.#isClosingOpen ? this.#fall(ended) : ended;
  }

  throwIfAborted(): void {
    this.#controller?.signal.throwIfAborted();
  }

  /** The run is over: other signals are no longer its business. */
  stopListening(): void {
    this.#stopListening?.();
  }

  #haltOf(facts: HaltFacts): Halt {
    const { tree, info, guard } = this.#run;
    return { step: tree.nextStep, ...facts, runId: info.id, at: guard.clock.now() };
  }

  /** The one error of the halt, which listeners and `lastHalt` hear of. */
  #tell(error: HaltError): HaltError {
    if (this.halted) return error;
    this.halted = error.halt;
    const { guard, info } = this.#run;
    guard.remember(error, info);
    guard.events.emit('run:halt', { run: info, halt: this.halted });
    return error;
  }

  #fall(error: HaltError): HaltError {
    this.error = error;
    (this.#controller ??= new AbortController()).abort(error);
    return error;
  }
}
