import type { StepRecord } from '../../core/step.ts';
import type { Verdict } from '../../core/verdict.ts';
import { argsText, resultText, textPrint } from '../../ladder/same-call.ts';

/** The loop that a run tree is in, from its warning until real progress or the loop's end. */
export interface LoopPressure {
  readonly verdict: Verdict | undefined;
  warned(verdict: Verdict): void;
  /** Takes a finished step that gave rise to no verdict. */
  saw(record: StepRecord): void;
  /** Somebody has dealt with it. */
  clear(): void;
  save(): LoopState | undefined;
}

/** The loop as JSON-safe data, without content: calls and results are hashes. */
export interface LoopState {
  readonly verdict: Verdict;
  readonly results: readonly (readonly [call: string, results: readonly number[]])[];
  readonly known: readonly string[];
  readonly outside: number;
}

interface Loop {
  readonly verdict: Verdict;
  /** The results of each call of the loop. */
  readonly results: Map<string, Set<number>>;
  /** All of them together, by tool. */
  readonly known: Set<string>;
  /** Calls in a row that have nothing to do with it. */
  outside: number;
}

/** So many calls of another kind, or two laps of them, and the loop is over. */
const OUTSIDE_LEAST = 3;

export function loopPressure(restored?: LoopState): LoopPressure {
  let loop = restored && restoredLoop(restored);
  return {
    get verdict() {
      return loop?.verdict;
    },
    warned(verdict) {
      const results = new Map<string, Set<number>>();
      const known = new Set<string>();
      for (const { name, args, output } of verdict.evidence()) {
        const print = textPrint(resultText(output));
        const key = callKey(name, args);
        results.set(key, (results.get(key) ?? new Set()).add(print));
        known.add(`${name} ${print}`);
      }
      loop = { verdict, results, known, outside: 0 };
    },
    saw({ kind, name, args, output }) {
      if (!loop || kind !== 'tool') return;
      const print = textPrint(resultText(output));
      const earlier = loop.results.get(callKey(name, args));
      if (earlier?.has(print) || loop.known.has(`${name} ${print}`)) {
        loop.outside = 0;
      } else if (earlier) {
        // The same question answered differently is progress; a clock in the answer, which was never twice the same, is not.
        if (earlier.size === 1) loop = undefined;
      } else {
        loop.outside += 1;
        if (loop.outside >= Math.max(OUTSIDE_LEAST, 2 * (loop.verdict.period ?? 1))) loop = undefined;
      }
    },
    clear() {
      loop = undefined;
    },
    save: () =>
      loop && {
        verdict: loop.verdict,
        results: [...loop.results].map(([call, results]) => [call, [...results]]),
        known: [...loop.known],
        outside: loop.outside,
      },
  };
}

const restoredLoop = ({ verdict, results, known, outside }: LoopState): Loop => ({
  verdict: { ...verdict, evidence: () => [] },
  results: new Map(results.map(([call, prints]) => [call, new Set(prints)])),
  known: new Set(known),
  outside,
});

const callKey = (name: string, args: unknown): string => `${name} ${textPrint(argsText(args))}`;
