import type { ModelCall } from '../../core/step.ts';
import { mediaTokensOf, type Estimate } from '../media/media-tokens.ts';
import { SHORT_TEXT_UNITS } from '../tokens/count.ts';
import { inSlices } from '../tokens/slices.ts';
import { splitCall, type CountedPart, type OpenPart } from './call-parts.ts';
import { contentKey, createContentMemo } from './content-memo.ts';
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
  /** At once where little is new; else in slices that give the event loop back, until `signal` is aborted. */
  count(call: ModelCall, counter: TextCounter, signal?: AbortSignal): CallTokens | Promise<CallTokens>;
}

/**
 * Makes a counter of calls with a memory of its own: weakly by the identity of the host's messages and tools, then by content for those
 * that a framework makes anew at every turn.
 */
export function createCallCounter(): CallCounter {
  const byIdentity = new Map<string, WeakMap<object, CountedPart>>();
  const byContent = createContentMemo();

  const countedBy = ({ key }: TextCounter): WeakMap<object, CountedPart> => {
    let counted = byIdentity.get(key);
    if (counted === undefined) byIdentity.set(key, (counted = new WeakMap()));
    return counted;
  };

  /** Counts a text step by step, unless its content is remembered. */
  function* countText(counter: TextCounter, text: string): Generator<void, number> {
    const key = contentKey(counter.key, text);
    const known = key === undefined ? undefined : byContent.get(key);
    if (known !== undefined) return known;
    const count = counter.begin(text);
    while (count.step()) yield;
    if (key !== undefined) byContent.set(key, count.tokens);
    return count.tokens;
  }

  function* countParts(parts: readonly OpenPart[], counter: TextCounter, sums: { text: number; schemas: number }): Generator<void, void> {
    const counted = countedBy(counter);
    for (const { kind, owner, sources, texts } of parts) {
      let tokens = 0;
      for (const text of texts) {
        tokens += yield* countText(counter, text);
        yield;
      }
      sums[kind] += tokens;
      if (owner !== undefined) counted.set(owner, { sources, tokens });
    }
  }

  return {
    count(call, counter, signal) {
      const { known: sums, open } = splitCall(call, countedBy(counter));
      const total = (): CallTokens => ({ ...sums, framing: framingOf(call), media: mediaTokensOf(call) });
      if (open.length === 0) return total();
      const parts = countParts(open, counter, sums);
      const step = (): boolean => parts.next().done !== true;
      if (!counter.isReady() || unitsOf(open) > SHORT_TEXT_UNITS) return later(counter, step, signal).then(total);
      while (step());
      return total();
    },
  };
}

const unitsOf = (parts: readonly OpenPart[]): number =>
  parts.reduce((sum, { texts }) => texts.reduce((units, text) => units + text.length, sum), 0);

async function later(counter: TextCounter, step: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await counter.load();
  await inSlices(step, signal);
}
