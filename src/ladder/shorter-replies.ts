import type { ModelCall } from '../core/step.ts';
import { withLastMessage } from './history.ts';
import { checkFigures, count, share } from './rung-options.ts';
import type { Rung, RungOptions } from './rung.ts';

/** How short answers become, and from when on. */
export interface ShorterRepliesOptions extends RungOptions {
  /** The output cap to send, in tokens. Default 1,000. */
  readonly maxOutputTokens?: number | undefined;
  /** The instruction below the messages; false leaves it out. Default: a sentence that asks to be brief. */
  readonly instruction?: string | false | undefined;
}

/** Room for thinking where only an effort is known: the cap of a reasoning model counts its thinking too. */
const THINKING_ROOM = 4_096;

/**
 * A smaller output cap, and an instruction to be brief so that the model plans for it. (That a cap is clamped to what the
 * budget still holds needs no rung: it is always done.)
 *
 * @example shorterReplies({ at: 0.8, maxOutputTokens: 300 })
 */
export function shorterReplies(options: ShorterRepliesOptions = {}): Rung {
  const {
    at = 0.8,
    on = ['outputTokens', 'tokens', 'usd'],
    scopes,
    maxOutputTokens = 1_000,
    instruction = brevity(maxOutputTokens),
  } = options;
  checkFigures('shorterReplies', { at: [at, share], maxOutputTokens: [maxOutputTokens, count] });
  return {
    name: 'shorterReplies',
    at,
    on,
    scopes,
    offer(call) {
      if (call.kind !== 'model') return undefined;
      const cap = maxOutputTokens + thinkingRoom(call);
      if (call.maxOutputTokens !== undefined && call.maxOutputTokens <= cap) return undefined;
      const messages = instruction !== false && call.messages ? { messages: withLastMessage(call.messages, instruction) } : {};
      return {
        kind: 'edits',
        edits: { maxOutputTokens: cap, ...messages },
        detail: `at most ${cap} output tokens`,
      };
    },
  };
}

const thinkingRoom = ({ reasoning }: ModelCall): number => {
  if (reasoning?.maxTokens !== undefined) return reasoning.maxTokens;
  return reasoning?.effort === undefined || reasoning.effort === 'none' ? 0 : THINKING_ROOM;
};

/** Words are told, not tokens: 100 tokens are about 75 words of English. */
const brevity = (maxOutputTokens: number): string =>
  `[Notice] Be brief: at most about ${Math.max(10, Math.floor((maxOutputTokens * 0.6) / 10) * 10)} words.`;
