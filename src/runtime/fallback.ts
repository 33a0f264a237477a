import type { HaltError } from '../core/errors.ts';
import type { Clock } from './clock.ts';
import type { Events } from './events.ts';
import type { Fallback } from './options.ts';
import type { Run } from './run.ts';
import { withinTime } from './time-limit.ts';

/** An answer in place of an error; undefined where there is no fallback, or it failed. */
export type FallbackAnswer = { readonly output: unknown } | undefined;

const FALLBACK_TIMEOUT_MS = 30_000;

/** Asks the user's fallback. One that throws or hangs becomes an event, and the caller gets the error of the halt. */
export async function askFallback(
  fallback: Fallback | undefined,
  error: HaltError,
  run: Run,
  clock: Clock,
  events: Events,
): Promise<FallbackAnswer> {
  if (!fallback) return undefined;
  try {
    return {
      output: await withinTime(
        'the fallback',
        Promise.resolve().then(() => fallback(error.halt, run)),
        FALLBACK_TIMEOUT_MS,
        clock,
      ),
    };
  } catch (failure) {
    events.emit('hook:error', { hook: 'fallback', error: failure });
    return undefined;
  }
}
