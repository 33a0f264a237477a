import { whenAborted } from './until-aborted.ts';

/** A signal that aborts with the first of others. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** The call is over: nothing listens for it any more, and its signal aborts no more. */
  unlink(): void;
}

/**
 * A signal for one call that aborts with the first of these, for its reason. In place of `AbortSignal.any`, which has no end: a run's
 * signal would go on knowing of every call that was ever made.
 *
 * @example
 * const link = linkedSignal(request.signal, step.signal);
 * try {
 *   return await fetch(url, { signal: link.signal });
 * } finally {
 *   link.unlink();
 * }
 */
export function linkedSignal(...sources: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = sources.find((source) => source.aborted);
  if (aborted) {
    controller.abort(aborted.reason);
    return { signal, unlink: () => {} };
  }
  const leave = sources.map((source) => whenAborted(source, () => controller.abort(source.reason)));
  return {
    signal,
    unlink() {
      for (const each of leave) each();
    },
  };
}
