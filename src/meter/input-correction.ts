import type { MessageView, ModelCall } from '../core/step.ts';
import type { Usage } from '../core/usage.ts';
import { familyOf } from './families.ts';
import { createLearned } from './learned.ts';
import type { BilledRatio, InputCount } from './meter.ts';

/** Corrects counts by what providers billed. */
export interface InputCorrection {
  correct(call: ModelCall, count: InputCount): InputCount;
  learn(call: ModelCall, model: string, count: InputCount, billed: Usage): void;
  ratios(): BilledRatio[];
}

/** Bills that must have been seen before a count is lowered; one is enough to raise it. */
const ENOUGH = 5;

/** Smaller calls say more about framing than about the tokenizer. */
const SMALLEST_COUNT = 256;

/** What a bill adds at most or takes away at most: a ratio outside is a mistake of somebody's, not a property of a tokenizer. */
const RATIO = { least: 0.25, most: 4 };

/** Held above the largest ratio of late. */
const ABOVE_LARGEST = 1.05;

/** Makes a correction that knows nothing yet. */
export function createInputCorrection(): InputCorrection {
  const learned = createLearned();
  return {
    correct(call, count) {
      const seen = learned.of(keyOf(call, call.model));
      if (seen === undefined || count.counted === 0) return count;
      const highest = Math.ceil(count.counted * seen.recentLargest * ABOVE_LARGEST);
      if (seen.count < ENOUGH) return { ...count, upper: Math.max(count.upper, highest) };
      const likely = Math.ceil(count.counted * seen.mean);
      return { ...count, likely, upper: Math.max(likely, highest, leastOf(call, count)) };
    },
    learn(call, model, { counted }, { inputTokens }) {
      if (counted < SMALLEST_COUNT || inputTokens === 0) return;
      learned.add(keyOf(call, model), Math.min(RATIO.most, Math.max(RATIO.least, inputTokens / counted)));
    },
    ratios: () =>
      [...learned.entries()].map(([key, { mean, count }]) => {
        const [model = '', content = ''] = key.split('\n');
        return { model, content, ratio: mean, observations: count };
      }),
  };
}

/** No learning goes below this: the count itself where the model's own vocabulary counted plain text, else half of what was held. */
function leastOf(call: ModelCall, count: InputCount): number {
  return familyOf(call.model).isOwn && contentOf(call) === 'text' ? count.counted : Math.ceil(count.upper / 2);
}

const keyOf = (call: ModelCall, model: string): string => `${model}\n${contentOf(call)}`;

/** Tools and media are billed by other rules than text, so they are learned apart. */
function contentOf({ tools, outputSchema, messages }: ModelCall): string {
  const hasSchemas = (tools !== undefined && tools.length > 0) || outputSchema !== undefined;
  if (messages !== undefined && hasMedia(messages)) return hasSchemas ? 'tools+media' : 'text+media';
  return hasSchemas ? 'tools' : 'text';
}

function hasMedia(messages: readonly MessageView[]): boolean {
  for (const { media } of messages) if (media !== undefined && media.length > 0) return true;
  return false;
}
