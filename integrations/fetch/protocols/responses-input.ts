import type { MessageEdit, MessageView, ToolCallView } from 'holdfast';
import { fieldsOf, parsedArgs, recordsOf, stringIn, textOf, withTextIn, type Json } from '../json.ts';
import { mediaOf } from './media.ts';
import type { ToolOutcome } from './protocol.ts';

/** What counts as one message: a person's words, a tool's result, or all that a model gave in one answer. */
interface Group {
  readonly view: MessageView;
  /** The items of the input that it stands for; none for the instructions. */
  readonly items: readonly Json[];
}

const isOfModel = ({ type, role }: Json): boolean =>
  role === 'assistant' || (typeof type === 'string' && (type === 'reasoning' || (type.endsWith('_call') && !type.endsWith('_output'))));

const isResult = ({ type }: Json): boolean => typeof type === 'string' && type.endsWith('_call_output');

/** Items of one answer, which belong together, are one message; results and words are one each. */
export function groupsOf({ input, instructions }: Json): Group[] {
  const groups: Group[] = [];
  if (typeof instructions === 'string') groups.push({ view: { role: 'system', text: instructions }, items: [] });
  if (typeof input === 'string') return [...groups, { view: { role: 'user', text: input }, items: [{ role: 'user', content: input }] }];
  let answer: Json[] = [];
  const endAnswer = (): void => {
    if (answer.length > 0) groups.push({ view: answerView(answer), items: answer });
    answer = [];
  };
  for (const item of recordsOf(input)) {
    if (isOfModel(item)) {
      answer.push(item);
      continue;
    }
    endAnswer();
    groups.push({ view: isResult(item) ? resultView(item) : wordsView(item), items: [item] });
  }
  endAnswer();
  return groups;
}

/** The call that an item of an answer asks for; undefined for other items, and for tools that the provider runs itself. */
export function askedIn(item: Json): ToolCallView | undefined {
  const { type, call_id: id, name, arguments: args, input } = item;
  if ((type !== 'function_call' && type !== 'custom_tool_call') || typeof name !== 'string') return undefined;
  return { name, args: parsedArgs(args ?? input), id: stringIn(id) };
}

function answerView(items: readonly Json[]): MessageView {
  const toolCalls = items.map(askedIn).filter((call) => call !== undefined);
  const text = items.map(({ content }) => textOf(content)).join('');
  return { role: 'assistant', text, ...(toolCalls.length > 0 ? { toolCalls } : {}), ref: items[0] };
}

function resultView(item: Json): MessageView {
  const media = mediaOf(item['output']);
  const toolCallId = stringIn(item['call_id']) ?? '';
  return { role: 'tool', text: textOf(item['output']), ...(media.length > 0 ? { media } : {}), toolCallId, ref: item };
}

function wordsView(item: Json): MessageView {
  const media = mediaOf(item['content']);
  const role = item['role'] === 'system' || item['role'] === 'developer' ? 'system' : 'user';
  return { role, text: textOf(item['content']), ...(media.length > 0 ? { media } : {}), ref: item };
}

/** The results with which the input ends. */
export function inputResults({ input }: Json): ToolOutcome[] {
  const items = recordsOf(input);
  const first = items.findLastIndex((item) => !isResult(item)) + 1;
  return items.slice(first).map((item) => ({ id: stringIn(item['call_id']) ?? '', output: textOf(item['output']), isError: false }));
}

/** The body with an edited history: what is kept is sent as it came. */
export function editedInput(body: Json, edits: readonly MessageEdit[]): Json {
  const groups = groupsOf(body);
  const input: Json[] = [];
  let instructions = body['instructions'];
  const hasInstructions = groups[0]?.items.length === 0;
  if (hasInstructions && !edits.some((edit) => edit.kind !== 'insert' && edit.index === 0)) instructions = undefined;
  for (const edit of edits) {
    if (edit.kind === 'insert') {
      input.push({ role: edit.role, content: edit.text });
      continue;
    }
    const group = groups[edit.index];
    if (!group) continue;
    if (edit.kind === 'keep') input.push(...group.items);
    else if (group.items.length === 0) instructions = edit.text;
    else input.push(...reworded(group, edit.text));
  }
  return { ...body, ...(hasInstructions ? { instructions } : {}), input };
}

/** The same items with other words in them. */
function reworded({ view, items }: Group, text: string): Json[] {
  if (view.role === 'tool') return items.map((item) => ({ ...item, output: withTextIn(item['output'], text) }));
  if (view.role !== 'assistant') return items.map((item) => ({ ...item, content: withTextIn(item['content'], text) }));
  const [words, others] = [items.filter(({ role }) => role === 'assistant'), items.filter(({ role }) => role !== 'assistant')];
  const said = { ...without(fieldsOf(words[0])), role: 'assistant', content: text };
  const place = items.findIndex(({ role }) => role === 'assistant');
  return place < 0 ? [...items, said] : [...others.slice(0, place), said, ...others.slice(place)];
}

/** A message of the model's that is made anew has no id and no status. */
const without = ({ id: _id, status: _status, ...others }: Json): Json => others;
