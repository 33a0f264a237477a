import { hashNumbers } from './hash.ts';
import { describe } from './repeat.ts';
import { firstWords } from './scan.ts';
import { withStep, type LoopDetector } from './suspicion.ts';

export interface GrowthState {
  name: string;
  size: number;
  words: number[];
  count: number;
  steps: number[];
}

const WORDS_KEPT = 64;

/** Whether more words say nothing more: the same set, and so many words that it must have been said several times over. */
function saysTheSame(before: readonly number[], now: Int32Array, count: number): boolean {
  const known = new Set(before);
  return known.size > 0 && now.length > known.size * (count + 1) && now.every((word) => known.has(word));
}

/** Arguments that grow by repeating themselves: `g`, `g && g`, `g && g && g`. */
export function growthDetector(restored?: GrowthState): LoopDetector {
  const state: GrowthState = restored ?? { name: '', size: 0, words: [], count: 0, steps: [] };
  return {
    name: 'growth',
    observe(prints, { isTwin }) {
      const { step, argsSize, argsWords } = prints;
      if (step.kind !== 'tool' || isTwin) return undefined;
      const hasGrown = state.name === step.name && argsSize > state.size && argsWords.length > state.words.length;
      if (hasGrown && saysTheSame(state.words, argsWords, state.count)) {
        state.count++;
        state.steps = withStep(state.steps, step.index);
      } else {
        state.count = 0;
        state.steps = [step.index];
      }
      state.name = step.name;
      state.size = argsSize;
      state.words = firstWords(argsWords, WORDS_KEPT);
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
