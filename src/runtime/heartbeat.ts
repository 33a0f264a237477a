import type { Crowd } from '../core/crowd.ts';
import type { Clock } from './clock.ts';
import type { OpenStep } from './open-step.ts';

/** Extends the holds of all steps in flight, every third of their lifetime; stands still while nothing is in flight. */
export function heartbeat(openSteps: Crowd<OpenStep>, clock: Clock, holdTtlMs: number): { start(): void; stop(): void } {
  let timer: unknown;
  const beat = (): void => {
    timer = undefined;
    for (const step of openSteps.all()) step.keepAlive();
    if (openSteps.size > 0) start();
  };
  const start = (): void => {
    timer ??= clock.setTimeout(beat, Math.max(1, Math.floor(holdTtlMs / 3)));
  };
  return {
    start,
    stop() {
      clock.clearTimeout(timer);
      timer = undefined;
    },
  };
}
