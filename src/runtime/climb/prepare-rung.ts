import type { Call } from '../../core/step.ts';
import type { Rung, RungContext } from '../../ladder/rung.ts';
import type { RunCore } from '../run-core.ts';
import { withinTime } from '../time-limit.ts';
import { orAborted } from './or-aborted.ts';
import { preparedStep } from './prepared-step.ts';

const PREPARE_TIMEOUT_MS = 30_000;

/** Lets a rung prepare. What it does is bounded in time and isolated: a failure is an event, and changes nothing. */
export async function prepareRung(core: RunCore, rung: Rung, call: Call, context: RungContext): Promise<void> {
  const { clock, events } = core.guard;
  const controller = new AbortController();
  const goOn = rung.isPause ? core.standStill() : undefined;
  const signal = AbortSignal.any([controller.signal, core.signal]);
  try {
    const work = Promise.resolve().then(() =>
      rung.prepare?.(call, { ...context, signal, step: (inner, make) => preparedStep(core, inner, make, signal) }),
    );
    await orAborted(withinTime(`${rung.name}.prepare`, work, rung.prepareTimeoutMs ?? PREPARE_TIMEOUT_MS, clock), core.signal);
  } catch (error) {
    controller.abort(error);
    if (!core.signal.aborted) events.emit('hook:error', { hook: `rung ${rung.name}`, error });
  } finally {
    goOn?.();
  }
}
