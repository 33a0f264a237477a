import type { AnyGuard } from './any-guard.ts';
import type { MiddlewareRuns } from './middleware-runs.ts';

/** What the two hooks of one middleware share. */
export interface MiddlewareHost {
  readonly guard: AnyGuard;
  readonly runs: MiddlewareRuns;
  /** What becomes of an error that a tool throws. */
  toolErrors(): 'message' | 'throw';
}

/** Errors that a hook of ours threw on: `createAgent` puts a layer around each, which a wrapper takes off again. */
export const thrownOn = new WeakSet<object>();

/** Remembers an error as one that only passed through. */
export function passedOn(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) thrownOn.add(error);
  return error;
}
