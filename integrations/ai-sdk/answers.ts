import type { FallbackAnswer, Run } from 'holdfast';
import type { AnyGuard, CallParams, GenerateResult, StreamPart, StreamResult } from './host.ts';

type FinishReason = GenerateResult['finishReason'];

/** An answer that is given in place of the model's. */
export interface GivenAnswer {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** What is told beside it, under `providerMetadata.holdfast`. */
  readonly facts: Readonly<Record<string, string>>;
}

const stop: FinishReason = { unified: 'stop', raw: undefined };
const noUsage: GenerateResult['usage'] = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};

const textOf = (output: unknown): string => (typeof output === 'string' ? output : (JSON.stringify(output) ?? ''));

/** An answer of a rung's. */
export const offeredAnswer = (output: unknown, from: string): GivenAnswer => ({
  text: textOf(output),
  finishReason: stop,
  facts: { from },
});

/** The fallback's answer to a halt. */
const fallbackAnswer = (output: unknown, { halted }: Run): GivenAnswer => ({
  text: textOf(output),
  finishReason: stop,
  facts: { from: 'fallback', ...(halted ? { cause: halted.cause } : {}) },
});

/** Nothing: the loop ends with what it has. */
const emptyAnswer = ({ haltError }: Run): GivenAnswer => ({
  text: '',
  finishReason: { unified: 'other', raw: 'halted' },
  facts: { from: 'halt', ...(haltError ? { cause: haltError.halt.cause } : {}) },
});

/** An answer as what `doGenerate` gives. */
export const generated = ({ text, finishReason, facts }: GivenAnswer): GenerateResult => ({
  content: text === '' ? [] : [{ type: 'text', text }],
  finishReason,
  usage: noUsage,
  warnings: [],
  providerMetadata: { holdfast: { ...facts } },
});

const PART_ID = 'holdfast';

/** An answer as the parts of a stream, without its start. */
export function answerParts({ text, finishReason, facts }: GivenAnswer): StreamPart[] {
  const texts: StreamPart[] =
    text === ''
      ? []
      : [
          { type: 'text-start', id: PART_ID },
          { type: 'text-delta', id: PART_ID, delta: text },
          { type: 'text-end', id: PART_ID },
        ];
  return [...texts, { type: 'finish', finishReason, usage: noUsage, providerMetadata: { holdfast: { ...facts } } }];
}

/** An answer as what `doStream` gives. */
export const streamed = (answer: GivenAnswer): StreamResult => ({
  stream: new ReadableStream<StreamPart>({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings: [] });
      for (const part of answerParts(answer)) controller.enqueue(part);
      controller.close();
    },
  }),
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const fallbacks = new WeakMap<Run, Promise<FallbackAnswer>>();
const soft = new WeakSet<Run>();

/** From now on a halt of this run ends the loop without an error: a stop condition looks after it. */
export const endsSoftly = (run: Run): void => void soft.add(run);

/**
 * What is answered in a halted run in place of an error: the fallback's answer, which is asked for once, or nothing where a
 * stop condition of the guard's looks after the loop. A run that was stopped because one around it was is answered there.
 * Where the call asks for JSON, a text that is none is no answer: the caller would hear of a text that cannot be read, and
 * nothing of the halt.
 */
export async function haltAnswer(guard: AnyGuard, run: Run, { responseFormat }: CallParams): Promise<GivenAnswer | undefined> {
  if (run.halted) {
    const coming = fallbacks.get(run) ?? guard.answer(run);
    fallbacks.set(run, coming);
    const answer = await coming;
    const given = answer && fallbackAnswer(answer.output, run);
    if (given && (responseFormat?.type !== 'json' || isJson(given.text))) return given;
  }
  return soft.has(run) ? emptyAnswer(run) : undefined;
}
