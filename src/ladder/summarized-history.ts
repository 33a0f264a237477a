import type { MessageView, ModelCall } from '../core/step.ts';
import type { UsageReport } from '../core/usage.ts';
import type { Verdict } from '../core/verdict.ts';
import { extractiveSummary, triedInVain } from './extract.ts';
import { historyParts, taskOf, withSummary } from './history.ts';
import { checkFigures, checkFunction, count, share } from './rung-options.ts';
import type { PrepareContext, Rung, RungContext, RungOptions } from './rung.ts';
import { textPrint } from './same-call.ts';
import { shorten } from './shorten.ts';

/** Summarises messages with a model of the user's; at most `maxTokens` of text, and what it cost. */
export type Summarize = (
  messages: readonly MessageView[],
  options: { readonly maxTokens: number; readonly signal: AbortSignal },
) => Promise<string | { readonly text: string; readonly usage?: UsageReport | undefined }>;

/** Who makes the summary, how large it is, and what it leaves alone. */
export interface SummarizedHistoryOptions extends RungOptions {
  /** Makes the summary. Default: a built-in one that is made of the messages themselves and needs no model. */
  readonly summarize?: Summarize | undefined;
  /** The model that `summarize` uses, by which the summary is held and priced. Default: the model of the call. */
  readonly model?: string | undefined;
  /** The most tokens of a summary. Default 500. */
  readonly maxTokens?: number | undefined;
  /** How many of the newest messages stay as they are. Default 6. */
  readonly keepLast?: number | undefined;
  /** Histories whose old part is smaller than this many tokens are left alone. Default 1,000. */
  readonly minTokens?: number | undefined;
}

/** A summary and what it stands for: the messages before `upTo`. */
interface Stored {
  readonly upTo: number;
  readonly print: number;
  readonly text: string;
  /** The loop of which it tells. */
  readonly loop: string | undefined;
}

const FAILURES_MAX = 2;

/**
 * History replaced by a summary. The system messages, the task, the last turns and all open tool calls stay; decisions and
 * failures already seen survive in the summary, and for a loop it says what was tried in vain. A summary is used again
 * until the history has outgrown it. One that fails, takes too long, is no text or saves nothing changes nothing.
 *
 * @example summarizedHistory({ at: 0.9, model: 'gpt-4o-mini', summarize: async (messages, { maxTokens, signal }) => mySummary(messages) })
 */
export function summarizedHistory(options: SummarizedHistoryOptions = {}): Rung {
  const {
    at = 0.9,
    on = ['inputTokens', 'tokens', 'usd'],
    scopes,
    summarize,
    model,
    maxTokens = 500,
    keepLast = 6,
    minTokens = 1_000,
  } = options;
  checkFigures('summarizedHistory', {
    at: [at, share],
    maxTokens: [maxTokens, count],
    keepLast: [keepLast, count],
    minTokens: [minTokens, count],
  });
  if (summarize !== undefined) checkFunction('summarizedHistory', 'summarize', summarize);

  /** The messages that a new summary would stand for; undefined where none is worth making, or the stored one still serves. */
  function toSummarize({ messages = [] }: ModelCall, context: RungContext): { upTo: number; middle: readonly number[] } | undefined {
    const stored = storedFor(messages, context);
    const { tailStart, middle } = historyParts(messages, keepLast);
    const isNewLoop = context.verdict !== undefined && stored?.loop !== context.verdict.identity;
    if (stored && !isNewLoop && tailStart - stored.upTo < keepLast) return undefined;
    const tokens = middle.reduce((sum, place) => sum + context.count(messages[place]?.text ?? ''), 0);
    return middle.length > 1 && tokens >= minTokens ? { upTo: tailStart, middle } : undefined;
  }

  function keep(messages: readonly MessageView[], upTo: number, text: string, { memory, verdict }: RungContext): void {
    const stored: Stored = { upTo, print: printOf(messages, upTo), text, loop: verdict?.identity };
    memory.set(keyOf(messages), stored);
    for (const oldest of memory.keys()) {
      if (memory.size <= STORED_MAX) break;
      memory.delete(oldest);
    }
  }

  const prepare = async (call: ModelCall, context: PrepareContext, make: Summarize): Promise<void> => {
    const { messages = [] } = call;
    const failures = (context.memory.get('failures') as number | undefined) ?? 0;
    const part = failures < FAILURES_MAX ? toSummarize(call, context) : undefined;
    if (!part) return;
    const earlier = storedFor(messages, context);
    const fresh = part.middle.filter((place) => !earlier || place >= earlier.upTo).flatMap((place) => messages[place] ?? []);
    const input: MessageView[] = [...(earlier ? [{ role: 'user', text: earlier.text } as const] : []), ...fresh];
    try {
      const summaryCall: ModelCall = { kind: 'model', model: model ?? call.model, messages: input, maxOutputTokens: maxTokens };
      const text = await context.step(summaryCall, async (signal, granted) => {
        const made = await make(input, { maxTokens: Math.min(maxTokens, granted), signal });
        return typeof made === 'object' && made !== null ? { output: made.text, usage: made.usage } : { output: made };
      });
      keep(messages, part.upTo, checkedSummary(text, input, maxTokens, context), context);
    } catch (error) {
      context.memory.set('failures', failures + 1);
      throw error;
    }
  };

  return {
    name: 'summarizedHistory',
    at,
    on,
    scopes,
    loop: 'warn',
    ...(summarize
      ? {
          prepare: async (call: Parameters<Rung['offer']>[0], context: PrepareContext) =>
            call.kind === 'model' ? prepare(call, context, summarize) : undefined,
        }
      : {}),
    offer(call, context) {
      if (call.kind !== 'model' || !call.messages) return undefined;
      const { messages } = call;
      const part = summarize ? undefined : toSummarize(call, context);
      if (part) {
        const old = part.middle.flatMap((place) => messages[place] ?? []);
        keep(messages, part.upTo, extractiveSummary(old, maxTokens, context.count), context);
      }
      const stored = storedFor(messages, context);
      if (!stored) return undefined;
      const { essential } = historyParts(messages, messages.length - stored.upTo);
      const left = messages.map((_, place) => place).filter((place) => place < stored.upTo && !essential.has(place));
      if (left.length < 2) return undefined;
      const edits = { messages: withSummary(messages, left, wrapped(stored.text, left.length, context.verdict)) };
      return { kind: 'edits', edits, detail: `${left.length} messages summarised` };
    },
  };
}

const STORED_MAX = 8;

/** Agents of one tree have histories of their own: each is known by its task. */
const keyOf = (messages: readonly MessageView[]): string => `summary ${textPrint(taskOf(messages))}`;

const printOf = (messages: readonly MessageView[], upTo: number): number =>
  messages.slice(0, upTo).reduce((print, { role, text }) => textPrint(text, textPrint(role, print)), messages.length > 0 ? 1 : 0);

/** The stored summary, where it stands for the beginning of just this history. */
function storedFor(messages: readonly MessageView[], { memory }: RungContext): Stored | undefined {
  const stored = memory.get(keyOf(messages)) as Stored | undefined;
  return stored && stored.upTo <= messages.length && printOf(messages, stored.upTo) === stored.print ? stored : undefined;
}

const wrapped = (text: string, messages: number, verdict: Verdict | undefined): string =>
  [`[Summary of ${messages} earlier messages]`, text, ...(verdict ? [triedInVain(verdict)] : [])].join('\n');

/** Refuses what is no summary. An error text in place of one would otherwise become the agent's memory. */
function checkedSummary(text: unknown, input: readonly MessageView[], maxTokens: number, { count }: RungContext): string {
  if (typeof text !== 'string' || text.trim() === '')
    throw new TypeError(`the summary must be a text that is not empty, got ${typeof text}`);
  if (/^\s*error\b/i.test(text)) throw new TypeError('the summary is an error text');
  const short = shorten(text, maxTokens, count);
  const before = input.reduce((sum, message) => sum + count(message.text), 0);
  if (count(short) >= before) throw new TypeError('the summary is no shorter than what it stands for');
  return short;
}
