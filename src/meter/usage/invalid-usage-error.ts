import { GuardError } from '../../core/errors.ts';

/** A reported usage that cannot be true: a part larger than its whole, a negative, fractional or non-numeric amount. `code` is `invalid_usage`. */
export class InvalidUsageError extends GuardError {
  /** What contradicts what: names and amounts, never content. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(reason: string, facts: Readonly<Record<string, unknown>>) {
    super('invalid_usage', `reported usage refused: ${reason}; the held amount stands until a true usage is reported`);
    this.facts = facts;
  }
}
