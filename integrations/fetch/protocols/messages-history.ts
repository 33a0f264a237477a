import type { MessageEdit, MessageView } from 'holdfast';
import { fieldsOf, recordsOf, stringIn, textOf, withTextIn, type Json } from '../json.ts';
import { mediaOf } from './media.ts';
import type { ToolOutcome } from './protocol.ts';

/** A part of the conversation that is one message to the guard. */
interface Piece {
  readonly view: MessageView;
  /** The message it is in, and which of its blocks it is; undefined for the system's words. */
  readonly message: Json | undefined;
  readonly blocks: readonly Json[];
}

const blocksOf = (content: unknown): Json[] => (typeof content === 'string' ? [{ type: 'text', text: content }] : recordsOf(content));

const isResult = ({ type }: Json): boolean => type === 'tool_result';

/** Results of tools stand in a message of the user's, before his words: each is a message of its own to the guard. */
export function piecesOf({ system, messages }: Json): Piece[] {
  const pieces: Piece[] = [];
  if (textOf(system) !== '') pieces.push({ view: { role: 'system', text: textOf(system) }, message: undefined, blocks: [] });
  for (const message of recordsOf(messages)) {
    const blocks = blocksOf(message['content']);
    if (message['role'] === 'assistant') {
      pieces.push({ view: answerView(message, blocks), message, blocks });
      continue;
    }
    for (const block of blocks.filter(isResult)) pieces.push({ view: resultView(block), message, blocks: [block] });
    const words = blocks.filter((block) => !isResult(block));
    if (words.length > 0) pieces.push({ view: wordsView(message, words), message, blocks: words });
  }
  return pieces;
}

function answerView(message: Json, blocks: readonly Json[]): MessageView {
  const toolCalls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({ id: stringIn(id), name: stringIn(name) ?? '', args: input }));
  return { role: 'assistant', text: textOf(blocks), ...(toolCalls.length > 0 ? { toolCalls } : {}), ref: message };
}

function resultView(block: Json): MessageView {
  const media = mediaOf(block['content']);
  const toolCallId = stringIn(block['tool_use_id']) ?? '';
  return { role: 'tool', text: textOf(block['content']), ...(media.length > 0 ? { media } : {}), toolCallId, ref: block };
}

function wordsView(message: Json, words: readonly Json[]): MessageView {
  const media = mediaOf(words);
  return { role: 'user', text: textOf(words), ...(media.length > 0 ? { media } : {}), ref: message };
}

/** The results in the last message. */
export function lastResults({ messages }: Json): ToolOutcome[] {
  const last = fieldsOf(recordsOf(messages).at(-1));
  if (last['role'] !== 'user') return [];
  return blocksOf(last['content'])
    .filter(isResult)
    .map((block) => ({
      id: stringIn(block['tool_use_id']) ?? '',
      output: textOf(block['content']),
      isError: block['is_error'] === true,
    }));
}

/** A message that is being put together. */
interface Draft {
  readonly role: unknown;
  readonly blocks: Json[];
  /** The message as it came, while all that it is made of is its own. */
  source: Json | undefined;
}

/**
 * The body with an edited history. A message all of whose parts are kept is sent as it came, with its signatures and cache
 * marks. Words that the guard puts in as the system's join the system's; others join their neighbour of the same side.
 */
export function editedHistory(body: Json, edits: readonly MessageEdit[]): Json {
  const pieces = piecesOf(body);
  const drafts: Draft[] = [];
  const systemWords: string[] = [];
  let { system } = body;
  const hasSystem = pieces[0] !== undefined && pieces[0].message === undefined;
  if (hasSystem && !edits.some((edit) => edit.kind !== 'insert' && edit.index === 0)) system = undefined;
  const add = (role: unknown, blocks: readonly Json[], source: Json | undefined): void => {
    const last = drafts.at(-1);
    if (!last || last.role !== role) return void drafts.push({ role, blocks: [...blocks], source });
    last.blocks.push(...blocks);
    if (last.source !== source) last.source = undefined;
  };
  for (const edit of edits) {
    if (edit.kind === 'insert') {
      if (edit.role === 'system') systemWords.push(edit.text);
      else add(edit.role, [{ type: 'text', text: edit.text }], undefined);
      continue;
    }
    const piece = pieces[edit.index];
    if (!piece) continue;
    if (!piece.message) {
      if (edit.kind === 'replace') system = edit.text;
    } else if (edit.kind === 'keep') add(piece.message['role'], piece.blocks, piece.message);
    else add(piece.message['role'], reworded(piece, edit.text), undefined);
  }
  // The conversation begins with the user.
  if (drafts[0] && drafts[0].role !== 'user')
    drafts.unshift({ role: 'user', blocks: [{ type: 'text', text: '(Earlier messages were left out.)' }], source: undefined });
  const messages = drafts.map(({ role, blocks, source }) =>
    source && blocksOf(source['content']).length === blocks.length ? source : { role, content: blocks },
  );
  const words = systemWords.map((text) => ({ type: 'text', text }));
  const made = words.length === 0 ? system : [...blocksOf(system ?? []), ...words];
  const { system: _before, ...others } = body;
  return { ...others, ...(made === undefined ? {} : { system: made }), messages };
}

/** The same part with other words. */
function reworded({ view, blocks }: Piece, text: string): Json[] {
  if (view.role === 'tool') return blocks.map((block) => ({ ...block, content: withTextIn(block['content'], text) }));
  const others = blocks.filter(({ type }) => type !== 'text');
  if (view.role === 'user') return [...(text === '' ? [] : [{ type: 'text', text }]), ...others];
  // Thinking comes first, calls last.
  const first = others.filter(({ type }) => type !== 'tool_use');
  return [...first, ...(text === '' ? [] : [{ type: 'text', text }]), ...others.filter(({ type }) => type === 'tool_use')];
}
