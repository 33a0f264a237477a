import type { ModelCall } from '../core/step.ts';
import { atOnce } from './at-once.ts';
import { familyOf, type ModelFamily } from './families.ts';
import { functionCounter, vocabularyCounter, type TextCounter } from './messages/text-counter.ts';
import { entryFor } from './name-patterns.ts';
import type { MeterOptions, Tokenizer } from './options.ts';
import { perModel } from './per-model.ts';

/** How a model is counted: with what, and how far that is from the model's own tokens. */
export interface Counting {
  readonly counter: TextCounter;
  readonly family: Pick<ModelFamily, 'factor' | 'likelyFactor' | 'isOwn'>;
  /** Asks the provider for the input tokens of a whole call; undefined where it does not answer, or nobody can be asked. */
  askProvider?(call: ModelCall, signal: AbortSignal | undefined): Promise<number | undefined>;
}

const DEFAULT_TIMEOUT_MS = 2_000;
const ownFamily = { factor: 1, likelyFactor: 1, isOwn: true };

/** Chooses the counting of a model: the user's tokenizer where one is given, else the vocabulary and factor of the model's family. */
export function createTokenizers(
  given: NonNullable<MeterOptions['tokenizers']>,
  onProblem: (error: unknown) => void,
): (model: string) => Counting {
  const counters = { o200k_base: vocabularyCounter('o200k_base'), cl100k_base: vocabularyCounter('cl100k_base') };

  return perModel((model) => {
    const family = familyOf(model);
    const builtIn = { counter: counters[family.encoding], family };
    const entry = entryFor(given, model);
    if (entry === undefined) return builtIn;
    const tokenizer: Tokenizer = typeof entry === 'function' ? { count: entry } : entry;
    const { count, countCall, timeoutMs = DEFAULT_TIMEOUT_MS } = tokenizer;
    const local = count === undefined ? builtIn : { counter: ownCounter(model, count, builtIn, onProblem), family: ownFamily };
    if (countCall === undefined) return local;
    return { ...local, askProvider: (call, signal) => askInTime(countCall, call, timeoutMs, signal, onProblem) };
  });
}

/** The user's function. Where it fails, the family's count answers, factor and all, and the failure is told. */
function ownCounter(
  model: string,
  count: NonNullable<Tokenizer['count']>,
  { counter, family }: Counting,
  onProblem: (error: unknown) => void,
): TextCounter {
  return functionCounter(`tokenizer of ${model}`, (text) => {
    try {
      return checkedCount(atOnce(count(text, model), 'a tokenizer must count at once; give `countCall` for one that answers later'));
    } catch (error) {
      onProblem(error);
      return Math.ceil(counter.count(text) * family.factor);
    }
  });
}

async function askInTime(
  countCall: NonNullable<Tokenizer['countCall']>,
  call: ModelCall,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onProblem: (error: unknown) => void,
): Promise<number | undefined> {
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  const ended = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  let stopWaiting = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stopWaiting = () => reject(ended.reason);
    ended.addEventListener('abort', stopWaiting, { once: true });
  });
  try {
    return checkedCount(await Promise.race([countCall(call, ended), aborted]));
  } catch (error) {
    signal?.throwIfAborted();
    onProblem(error);
    return undefined;
  } finally {
    ended.removeEventListener('abort', stopWaiting);
  }
}

function checkedCount(count: unknown): number {
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
  throw new TypeError(`a tokenizer must answer with a whole number of 0 or more, got ${typeof count === 'number' ? count : typeof count}`);
}
