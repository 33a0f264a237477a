import { hashNumbers } from './hash.ts';
import { describe } from './repeat.ts';
import { withStep, type LoopDetector } from './suspicion.ts';

export interface GrowthState {
  name: string;
  size: number;
  words: number[];
  count: number;
  steps: number[];
}

const WORDS_KEPT = 128;

/** Arguments that grow by repeating themselves: `g`, `g && g`, `g && g && g`. */
export function growthDetector(restored?: GrowthState): LoopDetector {
  const state: GrowthState = restored ?? { name: '', size: 0, words: [], count: 0, steps: [] };
  return {
    name: 'growth',
    observe(prints, { isTwin }) {
      const { step, argsSize, argsWords } = prints;
      if (step.kind !== 'tool' || isTwin || argsWords.length === 0) return undefined;
      const words = [...new Set(argsWords)].sort((a, b) => a - b).slice(0, WORDS_KEPT);
      const isSelfMade =
        state.name === step.name &&
        argsSize > state.size &&
        words.length === state.words.length &&
        words.every((word, index) => word === state.words[index]);
      // Counted against the words said: growth by a number or a sign alone is no repetition of itself.
      const isLonger = argsWords.length > words.length * (state.count + 1);
      if (isSelfMade && isLonger) {
        state.count++;
        state.steps = withStep(state.steps, step.index);
      } else {
        state.count = 0;
        state.steps = [step.index];
      }
      state.name = step.name;
      state.size = argsSize;
      state.words = words;
      if (state.count === 0) return undefined;
      const firstStep = state.steps[0] ?? step.index;
      return {
        kind: 'growth',
        identity: hashNumbers(4, firstStep),
        score: state.count,
        period: null,
        laps: state.count + 1,
        firstStep,
        steps: state.steps,
        reason: `the arguments of ${describe(prints)} grew ${state.count} times by their own words (now ${argsSize} characters)`,
        clearedBy: 'arguments that say something else',
      };
    },
    save: (): GrowthState => structuredClone(state),
  };
}
