import { hashName, hashNumbers } from './hash.ts';
import { describe } from './repeat.ts';
import { overlap, sketchOf } from './sketch.ts';
import { addStep, type LoopDetector } from './suspicion.ts';

interface Saying {
  readonly speaker: number;
  readonly sketch: number[];
  weight: number;
  count: number;
  steps: number[];
}

export interface SameWordsState {
  readonly sayings: Saying[];
}

const SAYINGS_MAX = 16;
const SAME_WORDS = 0.8;
const WORDS_LEAST = 6;
const WEIGHT = 0.7;
/** A person's answer in between is new input. */
const AFTER_REPLY = 0.35;

/** Messages that say one thing in nearly the same words, turn after turn without a tool. Exact repeats are `repeat`'s. */
export function sameWordsDetector(restored?: SameWordsState): LoopDetector {
  let sayings: Saying[] = restored?.sayings ?? [];
  return {
    name: 'same-words',
    observe(prints, { answer, isNews }) {
      const { step } = prints;
      if (step.kind === 'tool') {
        if (isNews) for (const saying of sayings) saying.weight = 1 + (saying.weight - 1) / 2;
        return undefined;
      }
      if (prints.resultWords.length < WORDS_LEAST || answer !== 'first') return undefined;
      const speaker = hashName(step.agent ?? '');
      const sketch = sketchOf(prints.resultWords);
      const found = sayings.find((saying) => saying.speaker === speaker && overlap(saying.sketch, sketch) >= SAME_WORDS);
      if (found === undefined) {
        sayings = [...sayings, { speaker, sketch, weight: 1, count: 1, steps: [step.index] }].slice(-SAYINGS_MAX);
        return undefined;
      }
      found.weight += step.reply === undefined || step.reply === '' ? WEIGHT : AFTER_REPLY;
      found.count++;
      addStep(found.steps, step.index);
      return {
        kind: 'same-words',
        identity: hashNumbers(8, speaker, ...found.sketch.slice(0, 4)),
        score: found.weight,
        period: null,
        laps: found.count,
        firstStep: found.steps[0] ?? step.index,
        steps: found.steps,
        reason: () => `${describe(prints)} came ${found.count} times in nearly the same words (${prints.resultSize} characters)`,
        clearedBy: 'words that say something else, or a tool that is used',
      };
    },
    save: (): SameWordsState => structuredClone({ sayings }),
  };
}
