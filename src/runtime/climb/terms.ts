import type { ModelCall } from '../../core/step.ts';
import type { InputCount } from '../../meter/meter.ts';
import type { AccountPlan } from '../accounts.ts';
import { modelTerms, type ModelTerms } from '../asks.ts';
import type { RunCore } from '../run-core.ts';
import { isPromise } from '../time-limit.ts';

/** What a call of the guard's own making would need; undefined where dollars are limited and the model has no price. */
export function termsFor(core: RunCore, plan: AccountPlan, call: ModelCall): ModelTerms | undefined | Promise<ModelTerms> {
  const { meter, options } = core.guard;
  const price = meter.price(call.model, { provider: call.provider, serviceTier: call.serviceTier });
  if (!price && plan.limitsUsd && !options.allowUnpriced) return undefined;
  const terms = (input: InputCount): ModelTerms => modelTerms(call, input, price, meter, options.minUseful);
  const input = meter.count(call, core);
  return isPromise(input) ? Promise.resolve(input).then(terms) : terms(input);
}
