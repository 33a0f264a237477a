import type { StepRecord } from '../core/step.ts';
import type { Verdict } from '../core/verdict.ts';

interface RoundCost {
  readonly round: number;
  readonly runId: string;
  first: number;
  last: number;
  steps: number;
  tokens: number | null;
  nanoUsd: number | null;
}

export interface CostsState {
  readonly rounds: RoundCost[];
}

const ROUNDS_MAX = 128;

const sum = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b);

/** What the newest rounds cost, model call and tools together, so that a verdict can say what its laps wasted. */
export function costs(restored?: CostsState) {
  const rounds: RoundCost[] = restored?.rounds ?? [];
  return {
    add({ runId, round, index, tokens, nanoUsd }: StepRecord): void {
      const newest = rounds.at(-1);
      if (newest?.round === round && newest.runId === runId) {
        newest.last = index;
        newest.steps++;
        newest.tokens = sum(newest.tokens, tokens);
        newest.nanoUsd = sum(newest.nanoUsd, nanoUsd);
        return;
      }
      rounds.push({ round, runId, first: index, last: index, steps: 1, tokens, nanoUsd });
      if (rounds.length > ROUNDS_MAX) rounds.shift();
    },
    /** The cost of the rounds that hold these steps, without the first `lap` of them. At least that: old rounds are forgotten. */
    wasteOf(steps: readonly number[], lap: number): Verdict['waste'] {
      const repeated = new Set(steps.slice(lap));
      let waste: Verdict['waste'] = { steps: 0, tokens: null, nanoUsd: null };
      for (const { first, last, steps: count, tokens, nanoUsd } of rounds) {
        let isPart = false;
        for (let step = first; step <= last && !isPart; step++) isPart = repeated.has(step);
        if (isPart) waste = { steps: waste.steps + count, tokens: sum(waste.tokens, tokens), nanoUsd: sum(waste.nanoUsd, nanoUsd) };
      }
      return waste;
    },
    save: (): CostsState => structuredClone({ rounds }),
  };
}
