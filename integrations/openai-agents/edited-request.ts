import { editKinds, type CallEdits, type EditKind, type MessageEdit, type MessageView } from 'holdfast';
import { fieldsOf, recordsOf, type Fields, type Item, type ModelRequest } from './host.ts';
import type { ViewPlace } from './item-views.ts';

/** What the guard may do to a request: a history that the provider keeps cannot be edited here. */
export const editsOfRequest = ({ conversationId, previousResponseId }: ModelRequest, canChangeModel: boolean): EditKind[] =>
  editKinds.filter((kind) => {
    if (kind === 'messages') return conversationId === undefined && previousResponseId === undefined;
    return kind !== 'model' || canChangeModel;
  });

/** The request as the guard's edits leave it. Another model is the caller's to find. */
export function editedRequest(request: ModelRequest, views: readonly MessageView[], edits: CallEdits): ModelRequest {
  const { maxOutputTokens, reasoning, tools, messages } = edits;
  let { modelSettings } = request;
  if (maxOutputTokens !== undefined) modelSettings = { ...modelSettings, maxTokens: maxOutputTokens };
  if (reasoning?.effort !== undefined) {
    modelSettings = { ...modelSettings, reasoning: { ...modelSettings.reasoning, effort: reasoning.effort } };
  }
  const edited = { ...request, modelSettings, ...(messages ? editedInput(views, messages) : {}) };
  return tools ? withTools(edited, tools) : edited;
}

function withTools(request: ModelRequest, names: readonly string[]): ModelRequest {
  const tools = request.tools.filter(({ name }) => names.includes(name));
  // A hand-over to another agent is a tool like any other in the eyes of a model.
  const handoffs = request.handoffs.filter(({ toolName }) => names.includes(toolName));
  const { toolChoice, parallelToolCalls, ...settings } = request.modelSettings;
  const hasAny = tools.length + handoffs.length > 0;
  const isThere = toolChoice === 'auto' || toolChoice === 'required' || toolChoice === 'none' || names.includes(toolChoice ?? '');
  const modelSettings = {
    ...settings,
    ...(hasAny && isThere && toolChoice !== undefined ? { toolChoice } : {}),
    ...(hasAny && parallelToolCalls !== undefined ? { parallelToolCalls } : {}),
  };
  return { ...request, tools, handoffs, modelSettings, toolsExplicitlyProvided: true };
}

function editedInput(views: readonly MessageView[], edits: readonly MessageEdit[]): Pick<ModelRequest, 'systemInstructions' | 'input'> {
  let systemInstructions: string | undefined;
  const input: Item[] = [];
  for (const edit of edits) {
    if (edit.kind === 'insert') {
      input.push(madeItem(edit.role, edit.text));
      continue;
    }
    const view = views[edit.index];
    const place = view?.ref as ViewPlace | undefined;
    if (!view || !place) continue;
    const text = edit.kind === 'replace' ? edit.text : undefined;
    if (place.kind === 'instructions') systemInstructions = text ?? view.text;
    // The input was a text alone.
    else if (place.items.length === 0) input.push(madeItem('user', text ?? view.text));
    else input.push(...(text === undefined ? place.items : withText(place.items, view.role, text)));
  }
  return { ...(systemInstructions === undefined ? {} : { systemInstructions }), input };
}

function madeItem(role: 'system' | 'user' | 'assistant', text: string): Item {
  if (role !== 'assistant') return { role, content: text };
  return { type: 'message', role, status: 'completed', content: [{ type: 'output_text', text }] };
}

/** The same message with another text; its calls, its thinking and its ids stay. */
function withText(items: readonly Item[], role: MessageView['role'], text: string): Item[] {
  if (role === 'tool') return items.map((item) => ({ ...item, output: withTextIn(fieldsOf(item)['output'], text) }) as Item);
  if (role !== 'assistant') return items.map((item) => ({ ...item, content: withTextIn(fieldsOf(item)['content'], text) }) as Item);
  const isThinking = (item: Item): boolean => fieldsOf(item)['type'] === 'reasoning';
  const others = items.filter((item) => fieldsOf(item)['role'] === undefined);
  const said = text === '' ? [] : [madeItem('assistant', text)];
  return [...others.filter(isThinking), ...said, ...others.filter((item) => !isThinking(item))];
}

const isText = ({ type }: Fields): boolean => type === 'input_text' || type === 'text';

/** A content with another text; its pictures, sounds and files stay. */
function withTextIn(content: unknown, text: string): string | object[] {
  const others = recordsOf(content).filter((part) => !isText(part));
  return others.length === 0 ? text : [...(text === '' ? [] : [{ type: 'input_text', text }]), ...others];
}
