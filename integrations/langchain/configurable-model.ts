import { isBinding, rebound } from './bindings.ts';
import { settingsOf } from './model-call.ts';

/** What `initChatModel` gives, and `createAgent` makes of a model's name: it makes the model that it stands for when it is called. */
export interface ConfigurableModel {
  /** What is to be done to that model: tools bound, a structure asked for. */
  readonly _queuedMethodOperations: Readonly<Record<string, readonly unknown[]>>;
  _modelParams(config: object): object;
  _getModelInstance(config?: object): Promise<object>;
}

/** Recognised as LangChain itself recognises it. */
export const isConfigurable = (model: unknown): model is ConfigurableModel => {
  const { _queuedMethodOperations: queued, _getModelInstance: get } = settingsOf(model);
  return typeof queued === 'object' && typeof get === 'function';
};

/** The model that will really be called; a promise where that is still to be made. */
export function calledModel(model: unknown, configurable: unknown): unknown {
  if (isConfigurable(model)) return instanceOf(model, configurable);
  if (!isBinding(model) || !isConfigurable(model.bound)) return model;
  const all = { ...settingsOf(model.config?.configurable), ...settingsOf(configurable) };
  return instanceOf(model.bound, all).then((instance) => rebound(model, instance));
}

/** The model that a configurable one stands for under this `configurable`, without what is queued for it. */
export function bareInstanceOf(model: ConfigurableModel, configurable: unknown): Promise<object> {
  if (Object.keys(model._queuedMethodOperations).length === 0) return instanceOf(model, configurable);
  const bare = Object.create(model, {
    _queuedMethodOperations: { value: {} },
    _modelInstanceCache: { value: new Map() },
  }) as ConfigurableModel;
  return instanceOf(bare, configurable);
}

/** LangChain keeps a model for each config that it is asked with: it is given what says something of the model alone. */
function instanceOf(model: ConfigurableModel, configurable: unknown): Promise<object> {
  const asked = Object.entries(settingsOf(configurable)).filter(
    ([key, value]) => Object.keys(model._modelParams({ configurable: { [key]: value } })).length > 0,
  );
  return asked.length === 0 ? model._getModelInstance() : model._getModelInstance({ configurable: Object.fromEntries(asked) });
}
