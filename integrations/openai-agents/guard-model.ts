import { getDefaultModel, type Model, type ModelProvider } from '@openai/agents';
import { HaltError, InvalidOptionError } from 'holdfast';
import { fieldsOf, type AnyGuard } from './host.ts';
import { getResponse, getStreamedResponse, type ModelDoor } from './metered-model.ts';

/** What a model does not tell of itself, and how another one is found. */
export interface GuardModelOptions {
  /** The model's name, where the model does not tell it itself: it is counted and priced by it. */
  readonly model?: string;
  /** The provider's id in price tables, where one name is sold by several. */
  readonly provider?: string;
  /** Gives the model of a name, for offers that name one (`cheaperModel('gpt-4o-mini')`). Default: such offers are not taken. */
  readonly models?: (name: string) => Model | Promise<Model>;
}

const guardsOf = new WeakMap<object, AnyGuard>();

/** Whether a model is this guard's. */
export const isGuardedBy = (guard: AnyGuard, model: unknown): boolean =>
  typeof model === 'object' && model !== null && guardsOf.get(model) === guard;

/**
 * The same model, each call of which is a step of a run: counted and held before, settled after, and changed as the guard's
 * offer says (another model, an output cap, less reasoning, fewer tools and hand-overs, an edited history, an answer in place
 * of the call). A stream is cut when its budget is used up. Each try of the SDK's own retries is a step with a hold of its
 * own; a halt is never tried again.
 *
 * It works inside `guard.run` and a guarded runner (`guardRunner`); without either, each trace of the SDK's is a run.
 * A halted call throws the run's own error, the very instance; where the guard has a fallback, its answer is the model's
 * last one and so the agent's.
 *
 * @throws InvalidOptionError when the model does not tell its name and none is given
 * @example
 * const agent = new Agent({ name: 'Writer', model: guardModel(model, guard, { model: 'gpt-4o' }), tools: guardTools(tools, guard) });
 */
export function guardModel(model: Model, guard: AnyGuard, options: GuardModelOptions = {}): Model {
  const name = options.model ?? nameOf(model);
  if (name === undefined) {
    const message = 'the model does not tell its name; give it, such as { model: "gpt-4o" }, so that its calls can be counted and priced';
    throw new InvalidOptionError('options of guardModel', [{ path: 'model', message, value: undefined }]);
  }
  const door: ModelDoor = { guard, model, facts: { model: name, provider: options.provider }, models: options.models };
  const guarded: Model = {
    getResponse: (request) => getResponse(door, request),
    getStreamedResponse: (request) => getStreamedResponse(door, request),
    getRetryAdvice(args) {
      if (HaltError.is(args.error)) return { suggested: false, replaySafety: 'unsafe', reason: 'the run was halted' };
      return model.getRetryAdvice?.(args);
    },
  };
  guardsOf.set(guarded, guard);
  return guarded;
}

const nameOf = (model: Model): string | undefined => {
  const { model: own, modelName, modelId, name, _model } = fieldsOf(model);
  return [own, modelName, modelId, _model, name].find((each): each is string => typeof each === 'string' && each !== '');
};

/**
 * The same provider of models, each of which is guarded: for a `Runner`, or as the default of the whole process. With it
 * agents go on naming their models by a text, and a cheaper model is asked for by its name.
 *
 * @example
 * setDefaultModelProvider(guardModelProvider(new OpenAIProvider(), guard));
 */
export function guardModelProvider(
  provider: ModelProvider,
  guard: AnyGuard,
  options: Pick<GuardModelOptions, 'provider'> = {},
): ModelProvider {
  const guarded = new WeakMap<Model, Map<string, Model>>();
  return {
    async getModel(asked) {
      const model = await provider.getModel(asked);
      if (isGuardedBy(guard, model)) return model;
      const name = asked === undefined || asked === '' ? getDefaultModel() : asked;
      const known = guarded.get(model) ?? new Map<string, Model>();
      guarded.set(model, known);
      const again = known.get(name);
      if (again) return again;
      const made = guardModel(model, guard, { ...options, model: name, models: (other) => provider.getModel(other) });
      known.set(name, made);
      return made;
    },
  };
}
