import type { Run } from 'holdfast';

const felt = new WeakSet<Error>();

/** Notes that the halt of a run has refused or cut something, and gives the error of the halt. */
export function feltHalt(run: Run): Error | undefined {
  const { haltError } = run;
  if (haltError) felt.add(haltError);
  return haltError;
}

/**
 * The halt that an agent came to feel. One that ended well before its halt could touch it has its answer: the verdict on
 * its last step, or a deadline that passed as it ended, must not take that away.
 */
export const haltFeltIn = ({ haltError }: Run): Run['haltError'] => (haltError && felt.has(haltError) ? haltError : undefined);
