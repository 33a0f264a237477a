import type { InputExcess } from '../core/halt.ts';
import type { MessageView, ModelCall } from '../core/step.ts';
import type { ExcessAction, InputLimit, InputOptions } from './input-option.ts';
import type { PrepareContext, Rung, RungContext, RungOffer } from './rung.ts';
import { textPrint } from './same-call.ts';
import { shorten } from './shorten.ts';
import type { Summarize } from './summarized-history.ts';
import { editsTo } from './trimmed-context.ts';

/**
 * The rung that the guard's `input` option puts below all others: it meets a request that is too large (a pasted novel, a log of
 * 10,000 lines, a giant tool result) before it is sent.
 */
export function inputLimit(options: InputOptions): Rung {
  const { summarize } = options;
  return {
    name: 'inputLimit',
    at: 0,
    mayRefuse: true,
    ...(summarize
      ? {
          async prepare(call: Parameters<Rung['offer']>[0], context: PrepareContext): Promise<void> {
            if (call.kind === 'model') await summarizeLarge(call, context, options, summarize);
          },
        }
      : {}),
    offer(call, context) {
      if (call.kind !== 'model') return undefined;
      const limit = limitFor(options, context);
      const found = excessOf(call, limit, context);
      const action = found && actionOn(found, limit);
      if (found && action !== undefined) {
        if (action === 'reject') return refused(found, tooLong(found));
        if (typeof action === 'object' && 'reject' in action) return refused(found, action.reject);
        if (typeof action === 'object') return { kind: 'answer', output: action.answer, detail: excessDetail(found, 'answered') };
      }
      const messages = call.messages ?? [];
      const texts = fittedTexts(messages, limit, found && limit.maxTokens, context, action === 'summarize');
      const edits = editsTo(messages, texts);
      const changed = edits.filter(({ kind }) => kind === 'replace').length;
      if (changed === 0) return undefined;
      const done = `${changed} ${changed === 1 ? 'message' : 'messages'} made smaller`;
      return { kind: 'edits', edits: { messages: edits }, detail: found ? excessDetail(found, done) : done };
    },
  };
}

const refused = (input: InputExcess, reason: string): RungOffer => ({
  kind: 'refusal',
  reason,
  input,
  detail: excessDetail(input, 'refused'),
});

/** The limit that holds for the feature that a run works for. */
function limitFor(options: InputOptions, { report }: RungContext): InputLimit {
  const { per } = options;
  if (!per) return options;
  const feature = report().scopes['feature'];
  return feature !== undefined && Object.hasOwn(per, feature) ? { ...options, ...per[feature] } : options;
}

/** The words that a user is shown whose input is too large. */
const tooLong = ({ tokens, maxTokens }: InputExcess): string =>
  `This input is too long: about ${tokens.toLocaleString('en-US')} tokens, and at most ${maxTokens.toLocaleString('en-US')} can be taken. ` +
  'Please shorten it, or split it into parts.';

const excessDetail = ({ tokens, maxTokens }: InputExcess, done: string): string =>
  `${tokens} input tokens of at most ${maxTokens}: ${done}`;

function excessOf(call: ModelCall, { maxTokens }: InputLimit, context: RungContext): InputExcess | undefined {
  if (maxTokens === undefined) return undefined;
  const tokens = context.countCall(call);
  return tokens > maxTokens ? { tokens, maxTokens, feature: context.report().scopes['feature'] } : undefined;
}

const actionOn = (excess: InputExcess, { onExcess = 'trim' }: InputLimit): ExcessAction =>
  typeof onExcess === 'function' ? onExcess(excess) : onExcess;

/** Every text at the size at which the whole fits: tool results under their cap, then the largest messages under one common cap. */
function fittedTexts(
  messages: readonly MessageView[],
  { toolResults }: InputLimit,
  maxTokens: number | undefined,
  context: RungContext,
  isSummarized: boolean,
): string[] {
  const most = toolResults?.maxTokens ?? Infinity;
  // A token is a byte at the least, so a text of so few characters need not be counted.
  const isLarge = (text: string): boolean => text.length * 4 > most;
  const capped = messages.map(({ role, text }) => (role === 'tool' && isLarge(text) ? shorten(text, most, context.count) : text));
  if (maxTokens === undefined) return capped;
  const cap = commonCap(messages, capped, maxTokens, context);
  return capped.map((text, place) => {
    const most = Math.max(cap, leastOf(messages[place], maxTokens));
    if (!mayShrink(messages[place]) || context.count(text) <= most) return text;
    const summary = isSummarized ? context.memory.get(summaryKey(text)) : undefined;
    return shorten(typeof summary === 'string' ? summary : text, most, context.count);
  });
}

const mayShrink = (message: MessageView | undefined): boolean => message?.role === 'user' || message?.role === 'tool';

/** What is left of a user's message at the least: the task is often the only one, and a sentence of it is no task. */
const USER_LEAST = 256;
const TOOL_LEAST = 32;

const leastOf = (message: MessageView | undefined, maxTokens: number): number =>
  message?.role === 'user' ? Math.max(16, Math.min(USER_LEAST, Math.floor(maxTokens / 2))) : TOOL_LEAST;

/** The size to which the largest messages are cut, so that the small ones can stay whole. */
function commonCap(
  messages: readonly MessageView[],
  texts: readonly string[],
  maxTokens: number,
  { count: countText }: RungContext,
): number {
  const sizes = texts.map((text) => countText(text));
  const fixed = sizes.reduce((sum, size, place) => (mayShrink(messages[place]) ? sum : sum + size), 0);
  const ascending = sizes.filter((_, place) => mayShrink(messages[place])).sort((a, b) => a - b);
  // What the provider adds around each message is room that no text may take.
  let left = maxTokens - fixed - messages.length * 8;
  for (const [place, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - place));
    if (size > share) return Math.max(0, share);
    left -= size;
  }
  return Infinity;
}

const summaryKey = (text: string): string => `summary ${text.length} ${textPrint(text)}`;

/** At most this many texts are summarised for one call; the rest is cut. */
const SUMMARIES_MAX = 4;

async function summarizeLarge(call: ModelCall, context: PrepareContext, options: InputOptions, summarize: Summarize): Promise<void> {
  const limit = limitFor(options, context);
  const excess = excessOf(call, limit, context);
  if (!excess || limit.maxTokens === undefined || actionOn(excess, limit) !== 'summarize') return;
  const messages = call.messages ?? [];
  const texts = messages.map(({ text }) => text);
  const cap = commonCap(messages, texts, limit.maxTokens, context);
  const large = messages.filter(
    (message) => mayShrink(message) && context.count(message.text) > cap && !context.memory.has(summaryKey(message.text)),
  );
  for (const message of large.slice(0, SUMMARIES_MAX)) {
    const maxTokens = Math.max(64, Math.floor(cap));
    // A text that could not be summarised is cut, and not tried again.
    context.memory.set(summaryKey(message.text), undefined);
    const input: MessageView[] = [{ role: 'user', text: message.text }];
    const text = await context.step(
      { kind: 'model', model: options.model ?? call.model, messages: input, maxOutputTokens: maxTokens },
      async (signal, granted) => {
        const made = await summarize(input, { maxTokens: Math.min(maxTokens, granted), signal });
        return typeof made === 'string' ? { output: made } : { output: made.text, usage: made.usage };
      },
    );
    if (typeof text === 'string' && text.trim() !== '') context.memory.set(summaryKey(message.text), `[Summary of a longer text]\n${text}`);
  }
  for (const oldest of context.memory.keys()) {
    if (context.memory.size <= 4 * SUMMARIES_MAX) break;
    context.memory.delete(oldest);
  }
}
