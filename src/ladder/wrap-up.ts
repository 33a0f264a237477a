import type { Halt } from '../core/halt.ts';
import type { CallEdits } from '../core/offer.ts';
import type { MessageView, ModelCall, ReasoningSettings } from '../core/step.ts';
import { composeEdits } from './compose-edits.ts';
import { editedCall } from './edited-call.ts';
import { extractiveAnswer, extractiveSummary } from './extract.ts';
import { historyParts, withLastMessage, withSummary } from './history.ts';
import { checkFigures, checkFunction, count } from './rung-options.ts';
import type { Rung, RungContext, RungOffer } from './rung.ts';
import { shorten } from './shorten.ts';
import { editsTo } from './trimmed-context.ts';

/** What is kept back for the last call of a run, and what is said in it. */
export interface WrapUpOptions {
  /** The share of the run's own limits that is kept back for the closing call, 0 to 0.5: at least one step and one model call. Default 0.05. */
  readonly reserve?: number | undefined;
  /** The cap of the closing answer, in tokens. Default 1,000. */
  readonly maxOutputTokens?: number | undefined;
  /** What the model is told. Default: to answer now with what it has, and to say what is missing. */
  readonly instruction?: ((halt: Halt) => string) | undefined;
  /** The answer where even the closing call cannot be paid. Default: a text made of what was said and found last. `false`: none. */
  readonly answer?: ((messages: readonly MessageView[], halt: Halt) => unknown) | false | undefined;
}

/**
 * Ends the run with an answer, without tools, from what it has. A slice of the run's budget is kept back for it. Where the
 * slice cannot pay for the history, the history is summarised without a model; where it cannot pay for that either, and no
 * rung further down has anything better, the answer is made of what was found, without a model.
 *
 * @example createGuard({ budgets: { run: { usd: 0.5, steps: 60 } }, ladder: [wrapUp({ reserve: 0.1 })] });
 */
export function wrapUp(options: WrapUpOptions = {}): Rung {
  const { reserve = 0.05, maxOutputTokens = 1_000, instruction = closing, answer = defaultAnswer } = options;
  checkFigures('wrapUp', { reserve: [reserve, { least: 0, most: 0.5 }], maxOutputTokens: [maxOutputTokens, count] });
  checkFunction('wrapUp', 'instruction', instruction);
  if (answer !== false) checkFunction('wrapUp', 'answer', answer);
  return {
    name: 'wrapUp',
    loop: 'halt',
    isTerminal: true,
    reserve,
    offer(call, context) {
      const { halt } = context;
      if (call.kind !== 'model' || !halt) return undefined;
      const messages = call.messages ?? [];
      const close = (edits: CallEdits): CallEdits => closingEdits(call, edits, instruction(halt), maxOutputTokens);
      return [
        { kind: 'edits', edits: close({}), detail: 'a closing answer' },
        ...(messages.length > 2
          ? [{ kind: 'edits' as const, edits: close(compact(messages, context)), detail: 'a closing answer from a summary' }]
          : []),
        ...(answer ? [lastResort(answer(messages, halt))] : []),
      ];
    },
  };
}

const lastResort = (output: unknown): RungOffer => ({
  kind: 'answer',
  output,
  isLastResort: true,
  detail: 'an answer from what was found, without a model',
});

function closingEdits(call: ModelCall, edits: CallEdits, instruction: string, maxOutputTokens: number): CallEdits {
  const { messages, reasoning } = editedCall(call, edits);
  const lighter = reasoning && lightest(reasoning);
  const cap = maxOutputTokens + (lighter?.maxTokens ?? 0);
  return composeEdits(edits, {
    ...(call.tools && call.tools.length > 0 ? { tools: [] } : {}),
    ...(lighter ? { reasoning: lighter } : {}),
    maxOutputTokens: Math.min(cap, call.maxOutputTokens ?? cap),
    ...(messages ? { messages: withLastMessage(messages, instruction) } : {}),
  });
}

const lightest = ({ effort, maxTokens }: ReasoningSettings): ReasoningSettings => ({
  ...(effort === undefined ? {} : { effort: effort === 'none' || effort === 'minimal' ? effort : 'low' }),
  ...(maxTokens === undefined ? {} : { maxTokens: Math.min(maxTokens, 1_024) }),
});

/** The history as small as it can be without losing the thread. */
function compact(messages: readonly MessageView[], { count: countText }: RungContext): CallEdits {
  const { middle, tailStart } = historyParts(messages, 3);
  const texts = messages.map(({ role, text }, place) => (role === 'tool' && place >= tailStart ? shorten(text, 200, countText) : text));
  const shortened: CallEdits = { messages: editsTo(messages, texts) };
  if (middle.length < 2) return shortened;
  const old = middle.flatMap((place) => messages[place] ?? []);
  const summary = `[Summary of ${middle.length} earlier messages]\n${extractiveSummary(old, 300, countText)}`;
  return composeEdits(shortened, { messages: withSummary(messages, middle, summary) });
}

const closing = ({ reason }: Halt): string =>
  `[Notice] The run ends here: ${reason}. No tool can be called any more. ` +
  'Give your final answer now from what you have, and say plainly what is missing.';

const defaultAnswer = (messages: readonly MessageView[], { reason }: Halt): string => extractiveAnswer(messages, reason);
