import type { MessageEdit } from '../core/offer.ts';
import type { MessageView } from '../core/step.ts';
import { historyParts } from './history.ts';
import { checkFigures, count, share } from './rung-options.ts';
import type { Rung, RungContext, RungOptions } from './rung.ts';
import { shorten } from './shorten.ts';

/** How much of old and of large messages is left, and from when on. */
export interface TrimmedContextOptions extends RungOptions {
  /** What an old tool result may still take, in tokens. Default 300. */
  readonly resultTokens?: number | undefined;
  /** What a tool result of the last turns may take, in tokens. Default 4,000. */
  readonly recentResultTokens?: number | undefined;
  /** The allowance for the whole history, in tokens: further old messages are shortened, oldest first. Default: none. */
  readonly maxTokens?: number | undefined;
  /** How many of the newest messages are the last turns. Default 4. */
  readonly keepLast?: number | undefined;
}

/** What is left of an old message where the allowance forces it, in tokens. */
const STUB_TOKENS = 40;

/**
 * Old tool results and oversized ones shortened to their beginning and end. The task, the system messages and the last
 * turns stay; every message stays in its place, so no pair is torn.
 *
 * @example trimmedContext({ at: 0.85, resultTokens: 200, maxTokens: 20_000 })
 */
export function trimmedContext(options: TrimmedContextOptions = {}): Rung {
  const {
    at = 0.85,
    on = ['inputTokens', 'tokens', 'usd'],
    scopes,
    resultTokens = 300,
    recentResultTokens = 4_000,
    maxTokens,
    keepLast = 4,
  } = options;
  checkFigures('trimmedContext', {
    at: [at, share],
    resultTokens: [resultTokens, count],
    recentResultTokens: [recentResultTokens, count],
    maxTokens: [maxTokens, count],
    keepLast: [keepLast, count],
  });
  return {
    name: 'trimmedContext',
    at,
    on,
    scopes,
    offer(call, context) {
      if (call.kind !== 'model' || !call.messages) return undefined;
      const { messages } = call;
      const { tailStart, essential } = historyParts(messages, keepLast);
      const texts = messages.map(({ role, text }, place) =>
        role === 'tool' ? shorten(text, place < tailStart ? resultTokens : recentResultTokens, context.count) : text,
      );
      if (maxTokens !== undefined) fitInto(texts, maxTokens, (place) => place < tailStart && !essential.has(place), context);
      const edits = editsTo(messages, texts);
      if (edits.every(({ kind }) => kind === 'keep')) return undefined;
      return { kind: 'edits', edits: { messages: edits }, detail: 'old messages shortened' };
    },
  };
}

/** Shortens old texts, oldest first, until all of them together fit. */
function fitInto(texts: string[], maxTokens: number, mayShorten: (place: number) => boolean, { count }: RungContext): void {
  let total = texts.reduce((sum, text) => sum + count(text), 0);
  for (const [place, text] of texts.entries()) {
    if (total <= maxTokens) return;
    if (!mayShorten(place)) continue;
    const stub = shorten(text, STUB_TOKENS, count);
    total -= count(text) - count(stub);
    texts[place] = stub;
  }
}

/** Keeps what has not changed, replaces the rest. */
export const editsTo = (messages: readonly MessageView[], texts: readonly string[]): MessageEdit[] =>
  messages.map((message, index): MessageEdit => {
    const text = texts[index] ?? message.text;
    return text === message.text ? { kind: 'keep', index } : { kind: 'replace', index, text };
  });
