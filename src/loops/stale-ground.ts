import { hashName, hashNumbers } from './hash.ts';
import type { Prints } from './prints.ts';
import { recent } from './recent.ts';
import { describe } from './repeat.ts';
import { addStep, type LoopDetector } from './suspicion.ts';

export interface StaleGroundState {
  readonly weight: number;
  readonly steps: number[];
  readonly names?: [number, number][];
  readonly questions?: [number, number][];
}

const SEARCHES = /search|find|query|grep|sql|lookup|ask/i;

/** Texts of fewer words than this are too short to tell old from new. */
const WORDS_LEAST = 8;
/** A text counts as known ground below this share of new word pairs and of new numbers. */
const NEW_PAIRS_LEAST = 0.1;
const NEW_NUMBERS_LEAST = 0.2;
const WEIGHT = 0.5;
const FOUND_SOMETHING = 1;
/** What is looked up by a name that was never asked for answers that question, be it in words that are known: tables, products, cities. */
const LOOKED_UP = 0.4;
const NAMES_MAX = 128;
const NAMES_READ = 8;
const QUESTIONS_MAX = 128;

/**
 * Calls that were never made before, with answers made of what was read before: ranges of a file that overlap,
 * the same hits for other words, one page by many ways. Ground that is new, and anything written, takes weight away.
 */
export function staleGroundDetector(restored?: StaleGroundState): LoopDetector {
  let weight = restored?.weight ?? 0;
  let steps = restored?.steps ?? [];
  const names = recent<number>(NAMES_MAX, restored?.names);
  const questions = recent<number>(QUESTIONS_MAX, restored?.questions);

  /** Whether another agent of the tree read this: known to the tree, new to who reads it now. */
  const isNewToReader = ({ question, step }: Prints): boolean => {
    const run = hashName(step.runId);
    const reader = questions.get(question);
    questions.put(question, run);
    return reader !== undefined && reader !== run;
  };
  /** Whether a call names something for the first time. A search is all names, and numbers beside a name are rather a range. */
  const looksUp = ({ step, argsWords, argsMarks }: Prints): boolean => {
    if (argsMarks.some((mark) => !argsWords.includes(mark)) || SEARCHES.test(step.name)) return false;
    let isNew = false;
    for (let at = 0; at < argsWords.length && at < NAMES_READ; at++) {
      const name = argsWords[at] as number;
      isNew ||= names.get(name) === undefined;
      names.put(name, 1);
    }
    return isNew;
  };

  return {
    name: 'stale-ground',
    observe(prints, { answer, isTwin, novelty, newNumbers }) {
      if (prints.step.kind !== 'tool' || isTwin) return undefined;
      if (prints.nature.effect === 'write' && !prints.isError && answer === 'first') {
        weight = 0;
        steps = [];
        return undefined;
      }
      // Only a question can be answered with old news; of an act nobody knows what it did.
      if (prints.nature.effect !== 'read' || answer !== 'first' || prints.outcome !== 'answer' || prints.resultWords.length < WORDS_LEAST)
        return undefined;
      const isOthers = isNewToReader(prints);
      const isLookup = looksUp(prints);
      if (novelty >= NEW_PAIRS_LEAST || newNumbers >= NEW_NUMBERS_LEAST) {
        weight = Math.max(0, weight - FOUND_SOMETHING);
        if (weight === 0) steps = [];
        return undefined;
      }
      if (isOthers) return undefined;
      weight += isLookup ? WEIGHT * LOOKED_UP : WEIGHT;
      addStep(steps, prints.step.index);
      const firstStep = steps[0] ?? prints.step.index;
      return {
        kind: 'stale-ground',
        identity: hashNumbers(3, firstStep),
        score: weight,
        period: null,
        laps: steps.length,
        firstStep,
        steps,
        reason: () =>
          `${steps.length} new calls brought only what was read before (last: ${describe(prints)}, ${prints.resultSize} characters, ${Math.round(novelty * 100)} % new)`,
        clearedBy: 'an answer with something new in it, or a change made',
      };
    },
    save: (): StaleGroundState => ({ weight, steps: [...steps], names: names.save(), questions: questions.save() }),
  };
}
