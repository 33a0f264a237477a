import { InvalidOptionError } from '../core/errors.ts';
import type { ModelCall } from '../core/step.ts';
import { thinksByDefault } from './families.ts';
import { createInputCorrection } from './input-correction.ts';
import { callIssues } from './messages/call-issues.ts';
import { createCallCounter, type CallTokens } from './messages/call-tokens.ts';
import type { Abortable, InputCount, Meter } from './meter.ts';
import { optionIssues } from './option-issues.ts';
import { meterOptions, type MeterOptions } from './options.ts';
import { createOutputEstimates } from './output-estimates.ts';
import { createPriceBook } from './price-book.ts';
import { createTokenizers, type Counting } from './tokenizers.ts';
import { createStreamedCount } from './tokens/streamed-count.ts';
import { settleUsage } from './usage/settle-usage.ts';

/** What the meter needs of its surroundings; each has a default. */
export interface MeterSurroundings {
  /** Milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number;
  /** Told when a hook of the user's (a tokenizer, a price function) fails. The meter then goes on without it. */
  readonly onProblem?: (error: unknown) => void;
}

/** Caps on the output of a call that names none, in tokens. */
const OUTPUT_CAP = { usual: 4_096, reasoning: 16_384 };

/** What is added to a count, as a fraction: for a model's own tokenizer, and for any other. */
const MARGIN = { own: 0.02, other: 0.15 };

/** Schemas are billed as something terser than their JSON: over 29 recorded bills, JSON counts half as much again at the median. */
const BILLED_PART_OF_SCHEMAS = 2 / 3;

/** A count of the provider's own is exact but for what it adds by itself. */
const PROVIDER_MARGIN = 0.02;

/**
 * Makes the meter of one guard: counting, prices and learning behind one seam.
 *
 * @example
 * const meter = createMeter({ prices: { 'house-model': { input: 0.5, output: 1.5 } } });
 *
 * @throws {InvalidOptionError} that names every option that cannot be used, its value and the remedy.
 */
export function createMeter(
  { prices, tokenizers, margin, maxOutputTokens }: MeterOptions = {},
  { now = Date.now, onProblem = () => {} }: MeterSurroundings = {},
): Meter {
  const options = checkedOptions({ prices, tokenizers, margin, maxOutputTokens });
  const countingOf = createTokenizers(options.tokenizers ?? {}, onProblem);
  const priceOf = createPriceBook(options.prices, onProblem);
  const calls = createCallCounter();
  const correction = createInputCorrection();
  const outputs = createOutputEstimates();

  const inputOf = (call: ModelCall, tokens: CallTokens, { family }: Counting): InputCount => {
    const margin = options.margin ?? (family.isOwn ? MARGIN.own : MARGIN.other);
    return correction.correct(call, inputCount(tokens, family, margin));
  };
  const countLocally = (call: ModelCall, counting: Counting, of?: Abortable): InputCount | Promise<InputCount> => {
    const tokens = calls.count(call, counting.counter, of);
    return 'then' in tokens ? tokens.then((counted) => inputOf(call, counted, counting)) : inputOf(call, tokens, counting);
  };

  const count = (call: ModelCall, of?: Abortable): InputCount | Promise<InputCount> => {
    const counting = countingOf(call.model);
    if (counting.askProvider === undefined) return countLocally(call, counting, of);
    // Output that streams is counted here all the same, and its first delta must not wait for the tables.
    const ready = counting.counter.isReady() ? undefined : counting.counter.load().catch(onProblem);
    return Promise.all([counting.askProvider(call, of?.signal), ready]).then(([counted]) => {
      if (counted === undefined) return countLocally(call, counting, of);
      const upper = Math.ceil(counted * (1 + (options.margin ?? PROVIDER_MARGIN)));
      return { counted, likely: counted, upper, byProvider: true };
    });
  };

  return {
    count(call, of) {
      try {
        const counted = count(call, of);
        return 'then' in counted ? counted.catch((error: unknown) => Promise.reject(explained(call, error))) : counted;
      } catch (error) {
        throw explained(call, error);
      }
    },
    price: (model, { provider, serviceTier } = {}) => priceOf({ model, provider, at: now() }, serviceTier),
    defaultOutputCap: (model) => options.maxOutputTokens ?? (thinksByDefault(model) ? OUTPUT_CAP.reasoning : OUTPUT_CAP.usual),
    reasoningEstimate: outputs.reasoning,
    expectedOutput: outputs.expected,
    learn(model, counted, billed, call, reported = billed) {
      if (counted.byProvider !== true && reported.inputTokens !== undefined) correction.learn(call, model, counted, billed);
      outputs.learn(call, model, reported);
    },
    billedRatios: correction.ratios,
    outputCounter(model) {
      const { counter, family } = countingOf(model);
      const streamed = createStreamedCount(counter.countAfter);
      return {
        push: (delta) => Math.ceil(streamed.push(delta) * family.likelyFactor),
        total: () => Math.ceil(streamed.total() * family.likelyFactor),
      };
    },
    settleUsage,
  };
}

/** The error of a failed count: where the call is not what its type says, one that names what and the remedy. */
function explained(call: ModelCall, error: unknown): unknown {
  const issues = callIssues(call);
  return issues.length === 0 ? error : new InvalidOptionError('a model call', issues);
}

function checkedOptions(given: MeterOptions): MeterOptions {
  const result = meterOptions.safeParse(given, { reportInput: true });
  if (result.success) return result.data;
  throw new InvalidOptionError('options of createMeter', optionIssues(result.error));
}

function inputCount({ text, schemas, framing, media }: CallTokens, family: Counting['family'], margin: number): InputCount {
  const likelySchemas = schemas * BILLED_PART_OF_SCHEMAS;
  const safe = Math.ceil(((text + schemas) * family.factor + framing) * (1 + margin)) + media.upper;
  return {
    counted: Math.ceil(text + likelySchemas) + framing + media.likely,
    likely: Math.ceil((text + likelySchemas) * family.likelyFactor) + framing + media.likely,
    upper: safe,
  };
}
