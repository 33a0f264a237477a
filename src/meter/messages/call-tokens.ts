import type { MessageView, ModelCall } from '../../core/step.ts';
import type { Estimate } from '../media/image-tokens.ts';
import { mediaTokens } from '../media/media-tokens.ts';
import { SHORT_TEXT_UNITS } from '../tokens/count.ts';
import { inSlices } from '../tokens/slices.ts';
import { contentKey, createContentMemo } from './content-memo.ts';
import { jsonText } from './json-text.ts';
import { createMessageMemo } from './message-memo.ts';
import { sourcesOf, textOf } from './message-texts.ts';
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

/** A part of a call: its values as the host gave them, its texts as they go over the wire, and whose they are. */
interface Part {
  readonly kind: 'text' | 'schemas';
  readonly sources: readonly unknown[];
  readonly texts: () => readonly string[];
  readonly owner: object | undefined;
}

/** Makes a counter of calls with a memory of its own. */
export function createCallCounter(): CallCounter {
  const byIdentity = createMessageMemo();
  const byContent = createContentMemo();

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

  return {
    count(call, counter, signal) {
      const sums = { text: 0, schemas: 0 };
      const open: { part: Part; texts: readonly string[] }[] = [];
      let openUnits = 0;
      for (const part of partsOf(call)) {
        const known = part.owner && byIdentity.get(counter.key, part.owner, part.sources);
        sums[part.kind] += known ?? 0;
        if (known !== undefined) continue;
        const texts = part.texts();
        open.push({ part, texts });
        for (const text of texts) openUnits += text.length;
      }
      function* countOpen(): Generator<void, void> {
        for (const { part, texts } of open) {
          let tokens = 0;
          for (const text of texts) {
            tokens += yield* countText(counter, text);
            yield;
          }
          sums[part.kind] += tokens;
          if (part.owner !== undefined) byIdentity.set(counter.key, part.owner, part.sources, tokens);
        }
      }
      const total = (): CallTokens => ({ ...sums, framing: framingOf(call), media: mediaOf(call) });

      if (open.length === 0) return total();
      const steps = countOpen();
      const step = (): boolean => steps.next().done !== true;
      if (counter.isReady() && openUnits <= SHORT_TEXT_UNITS) {
        while (step());
        return total();
      }
      return later(counter, step, signal).then(total);
    },
  };
}

async function later(counter: TextCounter, step: () => boolean, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await counter.load();
  await inSlices(step, signal);
}

function* partsOf({ messages, input, tools, outputSchema }: ModelCall): Generator<Part> {
  for (const message of messages ?? []) {
    const sources = sourcesOf(message);
    yield { kind: 'text', owner: ownerOf(message), sources, texts: () => sources.map(textOf) };
  }
  if (input !== undefined) yield { kind: 'text', owner: undefined, sources: [input], texts: () => [textOf(input)] };
  if (tools !== undefined && tools.length > 0) yield { kind: 'schemas', owner: tools, sources: [...tools], texts: () => [jsonText(tools)] };
  if (outputSchema !== undefined) {
    const owner = typeof outputSchema === 'object' && outputSchema !== null ? outputSchema : undefined;
    yield { kind: 'schemas', owner, sources: [outputSchema], texts: () => [textOf(outputSchema)] };
  }
}

/** The host's own message, which outlives the views that are made of it. */
const ownerOf = (message: MessageView): object => (typeof message.ref === 'object' && message.ref !== null ? message.ref : message);

function mediaOf({ model, messages }: ModelCall): Estimate {
  const sum = { likely: 0, upper: 0 };
  for (const message of messages ?? []) {
    for (const media of message.media ?? []) {
      const { likely, upper } = mediaTokens(model, media);
      sum.likely += likely;
      sum.upper += upper;
    }
  }
  return sum;
}
