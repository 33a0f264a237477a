import type { CallEdits, MessageEdit } from '../core/offer.ts';
import type { Call, MessageView, ModelCall } from '../core/step.ts';

/**
 * The call as it will be after the edits: what is counted, priced and shown to the next rung. Messages that are replaced
 * or inserted have no `ref`, for they are no object of the host's yet.
 */
export function editedCall(call: ModelCall, edits: CallEdits): ModelCall;
export function editedCall(call: Call, edits: CallEdits): Call;
export function editedCall(call: Call, edits: CallEdits): Call {
  if (call.kind === 'tool') return call;
  const { model, maxOutputTokens, reasoning, tools, messages } = edits;
  return {
    ...call,
    ...(model ? { model: model.name, provider: providerOf(call, model) } : {}),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(reasoning ? { reasoning } : {}),
    ...(tools ? { tools: (call.tools ?? []).filter((tool) => tools.includes(toolName(tool) ?? '')) } : {}),
    ...(messages ? { messages: editedMessages(call.messages ?? [], messages) } : {}),
  };
}

/** Another name is asked of the same provider; another instance may belong to any, and then the name alone finds the price. */
const providerOf = ({ provider }: ModelCall, model: NonNullable<CallEdits['model']>): string | undefined =>
  model.provider ?? (model.instance === undefined ? provider : undefined);

function editedMessages(messages: readonly MessageView[], edits: readonly MessageEdit[]): MessageView[] {
  return edits.flatMap((edit): MessageView[] => {
    if (edit.kind === 'insert') return [{ role: edit.role, text: edit.text }];
    const message = messages[edit.index];
    if (!message || edit.kind === 'keep') return message ? [message] : [];
    const { ref: _ref, ...rest } = message;
    return [{ ...rest, text: edit.text }];
  });
}

/** The name of a tool in its schema, in OpenAI's form or a flat one. */
export function toolName(tool: unknown): string | undefined {
  if (typeof tool !== 'object' || tool === null) return undefined;
  const { name, function: inner } = tool as { name?: unknown; function?: { name?: unknown } | null };
  const found = inner?.name ?? name;
  return typeof found === 'string' ? found : undefined;
}
