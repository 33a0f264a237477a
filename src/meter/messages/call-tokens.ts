import type { ModelCall } from '../../core/step.ts';
import type { Abortable } from '../meter.ts';
import { mediaTokensOf, type Estimate } from '../media/media-tokens.ts';
import { SHORT_TEXT_UNITS } from '../tokens/count.ts';
import { inSlices } from '../tokens/slices.ts';
import { splitCall, type CountedParts, type OpenPart, type SplitCall } from './call-parts.ts';
import { createContentMemo } from './content-memo.ts';
import { createHistories } from './histories.ts';
import { framingOf } from './overheads.ts';
import type { TextCounter } from './text-counter.ts';

/** What a call's input comes to. Texts are in tokens of the counter, the rest in the model's own. */
export interface CallTokens {
  /** Tokens of all texts but the schemas. */
  readonly text: number;
  /** Tokens of the schemas of tools and of a structured answer, as JSON: never less than what is billed for them. */
  readonly schemas: number;
  /** What the provider adds around messages, names and tools. */
  readonly framing: number;
  /** Pictures, sound and files. */
  readonly media: Estimate;
}

/** Counts calls. What was counted once is remembered, so that a turn costs what is new in it. */
export interface CallCounter {
  /** At once where little is new; else in slices that give the event loop back, until the signal is aborted. */
  count(call: ModelCall, counter: TextCounter, of?: Abortable): CallTokens | Promise<CallTokens>;
}

/**
 * Makes a counter of calls with a memory of its own: weakly by the identity of the host's messages and tools, then by content for those
 * that a framework makes anew at every turn.
 */
export function createCallCounter(): CallCounter {
  const byIdentity = new WeakMap<TextCounter, CountedParts>();
  const byContent = createContentMemo();

  const countedBy = (counter: TextCounter): CountedParts => {
    let counted = byIdentity.get(counter);
    if (counted === undefined) byIdentity.set(counter, (counted = { histories: createHistories(), schemas: new WeakMap() }));
    return counted;
  };

  const countNow = (counter: TextCounter, split: SplitCall): void => {
    for (const part of split.open) {
      let tokens = part.known;
      for (const text of part.texts) {
        const count = counter.count(text);
        byContent.set(counter.key, text, count);
        tokens += count;
      }
      settle(split, part, tokens);
    }
  };

  /** As {@link countNow}, step by step. */
  function* counting(counter: TextCounter, split: SplitCall): Generator<void, void> {
    for (const part of split.open) {
      let tokens = part.known;
      for (const text of part.texts) {
        const count = counter.begin(text);
        while (count.step()) yield;
        byContent.set(counter.key, text, count.tokens);
        tokens += count.tokens;
        yield;
      }
      settle(split, part, tokens);
    }
  }

  return {
    count(call, counter, of) {
      const split = splitCall(call, countedBy(counter), (text) => byContent.get(counter.key, text));
      if (split.open.length === 0) return callTokens(call, split);
      if (!counter.isReady() || unitsOf(split.open) > SHORT_TEXT_UNITS) {
        const steps = counting(counter, split);
        return later(counter, () => steps.next().done !== true, of?.signal).then(() => callTokens(call, split));
      }
      countNow(counter, split);
      return callTokens(call, split);
    },
  };
}

/** Adds the count of a part to the call's, and remembers it. */
function settle(split: SplitCall, { kind, keep }: OpenPart, tokens: number): void {
  split[kind] += tokens;
  keep(tokens);
}

const callTokens = (call: ModelCall, { text, schemas }: SplitCall): CallTokens => ({
  text,
  schemas,
  framing: framingOf(call),
  media: mediaTokensOf(call),
});

const unitsOf = (parts: readonly OpenPart[]): number =>
  parts.reduce((sum, { texts }) => texts.reduce((units, text) => units + text.length, sum), 0);

async function later(counter: TextCounter, step: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await counter.load();
  await inSlices(step, signal);
}
