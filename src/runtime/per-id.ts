import type { Limits, LookupContext, PerId } from '../core/budget.ts';
import { recentMap } from '../stores/recent-map.ts';
import type { Clock } from './clock.ts';
import { isPromise, withinTime } from './time-limit.ts';
import { limits as limitsSchema, parseOptions } from './validation.ts';

/** How long an answer of a lookup is used before it is asked again. */
export const LOOKUP_FRESH_MS = 60_000;
const LOOKUP_TIMEOUT_MS = 2_000;
const REMEMBERED_ANSWERS = 10_000;

/** The limits of single ids, from a record or from a function whose answers are checked, kept for a minute and bounded in time. */
export interface PerIdLimits {
  (id: string, context: LookupContext): Limits | undefined | Promise<Limits | undefined>;
}

/** A lookup that throws, hangs or answers nonsense is reported, and the last good answer (else the scope's own limits) is used. */
export function perIdLimits(per: PerId, clock: Clock, onError: (hook: string, error: unknown) => void): PerIdLimits {
  if (typeof per !== 'function') return (id) => (Object.hasOwn(per, id) ? per[id] : undefined);
  const answers = recentMap<{ limits: Limits | undefined; at: number }>(REMEMBERED_ANSWERS);
  const asked = new Map<string, Promise<Limits | undefined>>();
  return (id, context) => {
    const key = JSON.stringify([context.tenant, id]);
    const known = answers.get(key);
    if (known && clock.now() - known.at < LOOKUP_FRESH_MS) return known.limits;
    const keep = (answer: unknown): Limits | undefined => {
      const limits =
        answer === undefined || answer === null ? undefined : parseOptions(`limits of one ${context.scope}`, limitsSchema, answer);
      answers.set(key, { limits, at: clock.now() });
      return limits;
    };
    const failed = (error: unknown): Limits | undefined => {
      onError(`limits per ${context.scope}`, error);
      // The failed lookup is not asked again for every step.
      answers.set(key, { limits: known?.limits, at: clock.now() });
      return known?.limits;
    };
    try {
      const waiting = asked.get(key);
      if (waiting) return waiting;
      const answer = per(id, context);
      if (!isPromise(answer)) return keep(answer);
      const asking = withinTime('the lookup', answer, LOOKUP_TIMEOUT_MS, clock)
        .then(keep)
        .catch(failed)
        .finally(() => asked.delete(key));
      asked.set(key, asking);
      return asking;
    } catch (error) {
      return failed(error);
    }
  };
}
