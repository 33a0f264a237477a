import type { Call } from '../../core/step.ts';
import type { RungOffer } from '../../ladder/rung.ts';
import type { ModelTerms } from '../asks.ts';
import type { HaltFacts } from '../halts.ts';
import type { RunCore } from '../run-core.ts';
import type { Refusal } from './offers.ts';
import { rungContext } from './rung-context.ts';

/** A refused call as the facts of a halt. */
export const refusedInput = ({ reason, input }: Refusal, step?: number): HaltFacts => ({
  cause: 'input',
  reason,
  input,
  ...(step === undefined ? {} : { step }),
});

/** Why a call is refused through a door that can only stop; undefined where no rung refuses it. */
export function refusalFor(core: RunCore, call: Call, terms: ModelTerms | undefined): HaltFacts | undefined {
  const { ladder, guard } = core;
  if (!ladder || ladder.isShadow || call.kind !== 'model') return undefined;
  for (const rung of ladder.rungs) {
    if (!rung.mayRefuse) continue;
    const context = rungContext({
      core,
      call,
      terms,
      standings: [],
      verdict: undefined,
      halt: undefined,
      memory: new Map(ladder.notes.of(rung.name)),
    });
    try {
      const offers = [rung.offer(call, context) ?? []].flat() as readonly RungOffer[];
      const refusal = offers.find(({ kind }) => kind === 'refusal') as Refusal | undefined;
      if (refusal) return refusedInput(refusal);
    } catch (error) {
      guard.events.emit('hook:error', { hook: `rung ${rung.name}`, error });
    }
  }
  return undefined;
}
