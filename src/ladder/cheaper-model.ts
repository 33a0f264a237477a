import { InvalidOptionError } from '../core/errors.ts';
import type { CallEdits } from '../core/offer.ts';
import type { ModelCall } from '../core/step.ts';
import { checkFigures, share } from './rung-options.ts';
import type { Rung, RungContext, RungOptions } from './rung.ts';

/** A model to change to: a name for the host's own model, or the host's instance, with its name where it does not say it itself. */
export type ModelChoice = string | { readonly name: string; readonly instance?: unknown; readonly provider?: string | undefined } | object;

/** Which cheaper model a call may go to; undefined leaves the call as it is. */
export type ChooseModel = (call: ModelCall, context: RungContext) => ModelChoice | undefined;

/**
 * Another model from a threshold on. Each candidate is checked against the price table: a model without a known price, or
 * one that would cost as much or more for this call, is passed over.
 *
 * A chain is gone down as pressure grows: with two models and `at: 0.8`, the second is used from 0.9 on.
 *
 * @param to a name, an instance of the host's, a chain of them (dearest first), or a function of the call
 * @throws InvalidOptionError for an instance whose name cannot be read; give `{ name, instance }`
 * @example cheaperModel(['gpt-4o-mini', 'gpt-4.1-nano'], { at: 0.7 })
 */
export function cheaperModel(to: ModelChoice | readonly ModelChoice[] | ChooseModel, options: RungOptions = {}): Rung {
  const { at = 0.8, on = ['usd'], scopes } = options;
  checkFigures('cheaperModel', { at: [at, share] });
  const chain = typeof to === 'function' ? undefined : (Array.isArray(to) ? to : [to]).map(modelOf);
  if (chain?.length === 0) throw nameless([]);
  const choose = (call: ModelCall, context: RungContext): readonly Model[] => {
    if (chain) return chain.slice(stageOf(context.standings[0]?.pressure ?? at, at, chain.length));
    const chosen = (to as ChooseModel)(call, context);
    return chosen === undefined ? [] : [modelOf(chosen)];
  };
  return {
    name: 'cheaperModel',
    at,
    on,
    scopes,
    offer(call, context) {
      if (call.kind !== 'model') return undefined;
      const price = context.price(call);
      if (price === undefined) return undefined;
      for (const model of choose(call, context)) {
        const { provider } = model;
        const other = context.price({
          ...call,
          model: model.name,
          provider: provider ?? (model.instance === undefined ? call.provider : undefined),
        });
        if (other === undefined || other >= price) continue;
        return { kind: 'edits', edits: { model }, detail: `${model.name} in place of ${call.model}` };
      }
      return undefined;
    },
  };
}

type Model = NonNullable<CallEdits['model']>;

/** How far down a chain a pressure leads: the way from `at` to 1 is split evenly. */
const stageOf = (pressure: number, at: number, models: number): number => {
  const part = at < 1 ? (pressure - at) / (1 - at) : 0;
  return Math.max(0, Math.min(models - 1, Math.floor(part * models + 1e-9)));
};

function modelOf(choice: ModelChoice): Model {
  if (typeof choice === 'string' && choice !== '') return { name: choice };
  if (typeof choice !== 'object' || choice === null) throw nameless(choice);
  const { name, instance, provider } = choice as { name?: unknown; instance?: unknown; provider?: unknown };
  if (typeof name === 'string' && (instance !== undefined || isPlain(choice))) {
    return { name, ...(instance === undefined ? {} : { instance }), ...(typeof provider === 'string' ? { provider } : {}) };
  }
  const { model, modelName, modelId } = choice as { model?: unknown; modelName?: unknown; modelId?: unknown };
  const own = [model, modelName, modelId].find((value) => typeof value === 'string' && value !== '');
  if (typeof own !== 'string') throw nameless(choice);
  return { name: own, instance: choice };
}

const isPlain = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;

const nameless = (value: unknown): InvalidOptionError =>
  new InvalidOptionError('options of cheaperModel', [
    { path: 'to', message: "expected a model's name, an instance with a name, { name, instance }, a list of these, or a function", value },
  ]);
