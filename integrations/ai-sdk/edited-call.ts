import { editKinds, type CallEdits, type EditKind, type MessageView } from 'holdfast';
import { editedPrompt } from './edited-prompt.ts';
import type { CallParams, HostModel } from './host.ts';
import { withLessThinking } from './reasoning.ts';

/** Gives the model of a name, where only a name is offered. */
export type ModelByName = (name: string) => HostModel;

/** A call that the guard allows: the model to ask, and with what. */
export interface AllowedCall {
  readonly model: HostModel;
  readonly params: CallParams;
}

/**
 * What the guard may do to a call of this model. A provider's own model can be asked under another name; what a middleware
 * of another has built cannot, unless the user says how (`models`).
 */
export const editsOfModel = (model: HostModel, models: ModelByName | undefined): boolean | EditKind[] =>
  models !== undefined || isProviderModel(model) ? true : editKinds.filter((kind) => kind !== 'model');

const isProviderModel = (model: HostModel): boolean => {
  const prototype: unknown = Object.getPrototypeOf(model);
  return prototype !== Object.prototype && prototype !== null && Object.hasOwn(model, 'modelId');
};

/** The call as the guard's edits leave it. */
export function editedCall(
  { model, params }: AllowedCall,
  views: readonly MessageView[],
  edits: CallEdits,
  models: ModelByName | undefined,
): AllowedCall {
  const { model: other, maxOutputTokens, reasoning, tools, messages } = edits;
  const asked = other ? otherModel(model, other, models) : model;
  let changed: CallParams = params;
  if (maxOutputTokens !== undefined) changed = { ...changed, maxOutputTokens };
  if (reasoning) changed = withLessThinking(changed, asked.provider, reasoning);
  if (tools) changed = withTools(changed, tools);
  if (messages) changed = { ...changed, prompt: editedPrompt(views, messages) };
  return { model: asked, params: changed };
}

function withTools(params: CallParams, names: readonly string[]): CallParams {
  const tools = params.tools?.filter(({ name }) => names.includes(name)) ?? [];
  if (tools.length > 0) {
    const { toolChoice } = params;
    const isGone = toolChoice?.type === 'tool' && !names.includes(toolChoice.toolName);
    return { ...params, tools, ...(isGone ? { toolChoice: { type: 'auto' } } : {}) };
  }
  const { tools: _tools, toolChoice: _choice, ...others } = params;
  return others;
}

const isModel = (value: unknown): value is HostModel => typeof (value as HostModel | undefined)?.doGenerate === 'function';

function otherModel(model: HostModel, { name, instance }: NonNullable<CallEdits['model']>, models: ModelByName | undefined): HostModel {
  if (isModel(instance)) return instance;
  if (models) return models(name);
  // The same client, asked for another model: a provider's model reads its name from this field with every call.
  return Object.create(model, { modelId: { value: name, enumerable: true } }) as HostModel;
}
