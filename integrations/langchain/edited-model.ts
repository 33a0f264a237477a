import { editKinds, type CallEdits, type EditKind, type ReasoningSettings } from 'holdfast';
import { isBinding, rebound } from './bindings.ts';
import { innermost, settingsOf } from './model-call.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Under which field model classes take the output cap. */
const capFields = ['maxTokens', 'maxOutputTokens', 'numPredict'] as const;

// Asked at every call: what a model takes is a matter of its class.
const cappable = new WeakMap<object, boolean>();

/** Whether an output cap can be sent with this model: only then does the provider itself hold to it. */
function takesCap(model: unknown): boolean {
  const inner = innermost(model);
  const known = cappable.get(inner);
  if (known !== undefined) return known;
  const takes = capFields.some((field) => field in inner) && fieldsOf(inner) !== undefined;
  cappable.set(inner, takes);
  return takes;
}

const editsWithoutCap = editKinds.filter((kind) => kind !== 'maxOutputTokens');

/** What the guard may do to a call of this model: a model that takes no cap can still be changed in every other way. */
export const editsOfModel = (model: unknown): boolean | readonly EditKind[] => (takesCap(model) ? true : editsWithoutCap);

/**
 * The model to use in place of `model`: another one where the edits name it, with the cap and the reasoning that they ask
 * for. Model classes read both from their own fields and not from the options of a call, so it is built anew.
 */
export function editedModel(model: unknown, { model: other, maxOutputTokens, reasoning }: CallEdits): unknown {
  if (!other && maxOutputTokens === undefined && !reasoning) return model;
  const base = typeof other?.instance === 'object' && other.instance !== null ? other.instance : model;
  const inner = innermost(base);
  const changes: Record<string, unknown> = {};
  if (other && base === model) changes['model'] = other.name;
  const capField = capFields.find((field) => field in inner);
  if (maxOutputTokens !== undefined && capField) changes[capField] = maxOutputTokens;
  if (reasoning) Object.assign(changes, reasoningFields(inner, reasoning));
  return Object.keys(changes).length === 0 || typeof base !== 'object' || base === null ? base : rebuilt(base, changes);
}

function reasoningFields(model: Fields, { effort, maxTokens }: ReasoningSettings): Fields {
  if ('thinking' in model && maxTokens !== undefined)
    return { thinking: { ...settingsOf(model['thinking']), type: 'enabled', budget_tokens: maxTokens } };
  if ('reasoning' in model && effort !== undefined) return { reasoning: { ...settingsOf(model['reasoning']), effort } };
  return {};
}

/** What a model was built from. */
function fieldsOf(model: Fields): Fields | undefined {
  const { fields, lc_kwargs: kwargs } = model;
  const from = fields ?? kwargs;
  return typeof from === 'object' && from !== null ? (from as Fields) : undefined;
}

/** The newest few variants of each model: the same cap is asked for again and again. */
const variants = new WeakMap<object, Map<string, unknown>>();
const VARIANTS_MAX = 8;

function rebuilt(model: object, changes: Fields): unknown {
  const name = JSON.stringify(changes);
  const known = variants.get(model) ?? new Map<string, unknown>();
  variants.set(model, known);
  const variant = known.get(name) ?? build(model, changes);
  known.delete(name);
  known.set(name, variant);
  for (const oldest of known.keys()) {
    if (known.size <= VARIANTS_MAX) break;
    known.delete(oldest);
  }
  return variant;
}

function build(model: object, changes: Fields): unknown {
  if (isBinding(model)) return rebound(model, build(model.bound, changes));
  const fields = fieldsOf(model as Fields);
  if (!fields) return model;
  try {
    const copy = new (model.constructor as new (fields: object) => object)({ ...fields, ...changes });
    // What was bound with `withConfig` or `bindTools` is kept beside the fields.
    const { defaultOptions } = model as { defaultOptions?: unknown };
    return defaultOptions === undefined ? copy : Object.assign(copy, { defaultOptions });
  } catch {
    return model;
  }
}
