import { hashName, hashNumbers } from './hash.ts';
import { recent } from './recent.ts';
import { describe } from './repeat.ts';
import { firstWords } from './scan.ts';
import { addStep, type LoopDetector } from './suspicion.ts';

interface Grown {
  readonly size: number;
  readonly words: number[];
  readonly count: number;
  readonly steps: number[];
}

export interface GrowthState {
  readonly tools: [number, Grown][];
}

const TOOLS_MAX = 8;
const WORDS_KEPT = 64;

/** Whether more words say nothing more: the same set, and so many words that it must have been said several times over. */
function saysTheSame(before: readonly number[], now: Int32Array, count: number): boolean {
  const known = new Set(before);
  return known.size > 0 && now.length > known.size * (count + 1) && now.every((word) => known.has(word));
}

/** Arguments that grow by repeating themselves: `g`, `g && g`, `g && g && g`. */
export function growthDetector(restored?: GrowthState): LoopDetector {
  const tools = recent<Grown>(TOOLS_MAX, restored?.tools);
  return {
    name: 'growth',
    observe(prints, { isTwin }) {
      const { step, argsSize, argsWords } = prints;
      if (step.kind !== 'tool' || isTwin) return undefined;
      const tool = hashName(step.name);
      const before = tools.get(tool);
      const hasGrown = before !== undefined && argsSize > before.size && argsWords.length > before.words.length;
      const isSelfMade = hasGrown && saysTheSame(before.words, argsWords, before.count);
      const count = isSelfMade ? before.count + 1 : 0;
      const steps = isSelfMade ? before.steps : [];
      addStep(steps, step.index);
      tools.put(tool, { size: argsSize, words: firstWords(argsWords, WORDS_KEPT), count, steps });
      if (count === 0) return undefined;
      const firstStep = steps[0] ?? step.index;
      return {
        kind: 'growth',
        identity: hashNumbers(4, firstStep),
        score: count,
        period: null,
        laps: count + 1,
        firstStep,
        steps,
        reason: () => `the arguments of ${describe(prints)} grew ${count} times by their own words (now ${argsSize} characters)`,
        clearedBy: 'arguments that say something else',
      };
    },
    save: (): GrowthState => structuredClone({ tools: tools.save() }),
  };
}
