import type { Halt } from './halt.ts';
import type { RunReport } from './report.ts';

const brand = Symbol.for('holdfast.error');

/**
 * The base of all errors of this package. Errors are data: `code` is stable, the facts are fields, the message is for people.
 * `GuardError.is(error)` also knows errors that another copy of the package made.
 */
export class GuardError extends Error {
  /** Stable name of what went wrong, such as `budget_exceeded`. */
  readonly code: string;
  readonly [brand] = true;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }

  /** Whether a value is an error of this package, of whichever copy. */
  static is(error: unknown): error is GuardError {
    return typeof error === 'object' && error !== null && (error as { [brand]?: boolean })[brand] === true;
  }
}

/** An option that cannot be used. Names the path, the value and the remedy. */
export class InvalidOptionError extends GuardError {
  readonly issues: readonly { readonly path: string; readonly message: string; readonly value: unknown }[];

  constructor(what: string, issues: InvalidOptionError['issues']) {
    const lines = issues.map(({ path, message }) => `  ${path === '' ? '(the whole)' : path}: ${message}`);
    super('invalid_option', `${what} cannot be used:\n${lines.join('\n')}`);
    this.issues = issues;
  }
}

/** The base of the errors with which a run is stopped. */
export class HaltError extends GuardError {
  readonly halt: Halt;
  /** The report of the run as it stood at the halt. */
  readonly report: RunReport;
  /** Payment required: host retry layers that look at a status do not try again. */
  readonly status = 402;

  constructor(code: string, halt: Halt, report: RunReport) {
    super(code, halt.reason);
    this.halt = halt;
    this.report = report;
  }

  /** Whether a value is the error of a halt, of whichever copy of the package. */
  static override is(error: unknown): error is HaltError {
    return GuardError.is(error) && 'halt' in error;
  }
}

/** A budget has no room for the step that was asked for. `code` is `budget_exceeded`. */
export class BudgetExceededError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('budget_exceeded', halt, report);
  }
}

/** The run went in circles. `code` is `loop_detected`. */
export class LoopDetectedError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('loop_detected', halt, report);
  }
}

/** The run took longer than its `duration`. `code` is `deadline_exceeded`. */
export class DeadlineExceededError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('deadline_exceeded', halt, report);
  }
}

/** The budget's store did not answer and the policy is `closed`. `code` is `store_unavailable`. */
export class StoreUnavailableError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('store_unavailable', halt, report);
  }
}

/** A model has no known price under a USD budget. `code` is `unpriced_model`. */
export class UnpricedModelError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('unpriced_model', halt, report);
  }
}

/** A person stopped the run, by `run.halt()` or through an operator's page. `code` is `halted_by_person`. */
export class HaltedByPersonError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('halted_by_person', halt, report);
  }
}

/**
 * A model call's input was larger than the guard's `input` option allows, and was refused. `code` is `input_too_large`; the
 * message is meant for the user who sent it, the figures are in `halt.input`.
 *
 * @example if (error instanceof InputTooLargeError) return { message: error.message, ...error.halt.input };
 */
export class InputTooLargeError extends HaltError {
  constructor(halt: Halt, report: RunReport) {
    super('input_too_large', halt, report);
  }
}

/** A step was begun in a run that is over. `code` is `run_ended`. */
export class RunEndedError extends GuardError {
  constructor(runId: string) {
    super('run_ended', `run ${runId} is over; start a new run for further steps`);
  }
}

const refusals = {
  stale: 'it has gone on since this snapshot was taken, or is going on now; take it up from the newest one',
  foreign: 'this snapshot is of a run that works for somebody else, or goes by another id',
  unreadable: 'this is no snapshot of a run that this version can read; start a new run',
} as const;

/**
 * A run was not taken up from a snapshot, `guard.start({ resume })`. `code` is `resume_refused`; `why` is `stale` (the run
 * has gone on since), `foreign` (it works for another tenant, user, … or has another id) or `unreadable`.
 */
export class ResumeRefusedError extends GuardError {
  readonly runId: string;
  readonly why: 'stale' | 'foreign' | 'unreadable';

  constructor(runId: string, why: ResumeRefusedError['why']) {
    super('resume_refused', `run ${runId} cannot be resumed: ${refusals[why]}`);
    this.runId = runId;
    this.why = why;
  }
}

const errorOfCause = {
  budget: BudgetExceededError,
  loop: LoopDetectedError,
  deadline: DeadlineExceededError,
  store: StoreUnavailableError,
  price: UnpricedModelError,
  person: HaltedByPersonError,
  input: InputTooLargeError,
} as const;

/** The error that tells a caller of a halt. */
export const haltError = (halt: Halt, report: RunReport): HaltError => new errorOfCause[halt.cause](halt, report);

/** Finds the error of a halt in whatever a host made of it: walks `cause` and `AggregateError.errors`, at most ten deep. */
export function findHaltError(error: unknown, depth = 0): HaltError | undefined {
  if (HaltError.is(error)) return error;
  if (depth >= 10 || typeof error !== 'object' || error === null) return undefined;
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  for (const inner of [cause, ...(Array.isArray(errors) ? errors : [])]) {
    const found = findHaltError(inner, depth + 1);
    if (found) return found;
  }
  return undefined;
}
