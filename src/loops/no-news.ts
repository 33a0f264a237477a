import { hashNumbers, shortHash } from './hash.ts';
import { SPACED } from './repeat.ts';
import { isExpected, addStep, type LoopDetector } from './suspicion.ts';
import { recent } from './recent.ts';

export interface NoNewsState {
  readonly weight: number;
  readonly steps: number[];
  readonly counts: [number, number][];
}

const PAIRS_MAX = 160;
const LONG_GAP_ROUNDS = 24;
const SECOND_LOOK = 0.25;

/**
 * Step after step that was seen before, call and answer: long cycles, shuffled cycles, cycles with holes.
 * A second time weighs little (a second look is honest), a third time a whole round; a new answer ends it.
 */
export function noNewsDetector(restored?: NoNewsState): LoopDetector {
  const counts = recent<number>(PAIRS_MAX, restored?.counts);
  let weight = restored?.weight ?? 0;
  let steps = restored?.steps ?? [];
  return {
    name: 'no-news',
    observe(prints, moment) {
      if (moment.isTwin) return undefined;
      const pair = hashNumbers(prints.call, prints.result);
      const count = (counts.get(pair) ?? 0) + 1;
      counts.put(pair, count);
      if (isExpected(prints, count)) return undefined;
      const isKnown = moment.answer === 'same' || moment.answer === 'returned';
      if (!isKnown) {
        weight = moment.answer === 'first' && prints.isError ? Math.max(0, weight - 1) : 0;
        if (weight === 0) steps = [];
        return undefined;
      }
      const gap = moment.tick - moment.previousTick;
      // A die that is thrown; a walk by several moves is lost when it knows every place.
      const isThrown = moment.isVaried && gap <= 1;
      const isExcused = gap > LONG_GAP_ROUNDS || moment.isBackingOff || prints.nature.isPoll || isThrown;
      const excuse = isExcused ? 0.3 : 1;
      weight += (count > 2 ? SPACED : SECOND_LOOK) * excuse;
      addStep(steps, prints.step.index);
      const firstStep = steps[0] ?? prints.step.index;
      return {
        kind: 'no-news',
        identity: hashNumbers(1, firstStep),
        score: weight,
        period: null,
        laps: count,
        firstStep,
        steps,
        reason: () =>
          `${steps.length} steps in a row were calls made before with answers given before (last: ${shortHash(pair)}, ${count} times)`,
        clearedBy: 'a call that was not made before, or an answer that was not given before',
      };
    },
    save: (): NoNewsState => ({ weight, steps: [...steps], counts: counts.save() }),
  };
}
