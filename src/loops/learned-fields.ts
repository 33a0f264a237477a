import { leavesOf, type Leaf } from './leaves.ts';
import { canBeNoise } from './noise.ts';
import { recent } from './recent.ts';

/** What one call was answered, newest last: the numbers of its leaves, or the hashes of what is no number. */
interface Answered {
  readonly paths: readonly number[];
  readonly results: readonly (readonly number[])[];
}

export interface LearnedFieldsState {
  readonly tools: [number, readonly number[]][];
  readonly calls: [number, Answered][];
}

const TOOLS_MAX = 32;
const FIELDS_MAX = 64;
const CALLS_MAX = 12;
/** Three recurrences and the answer before them. */
const RESULTS_KEPT = 4;
const CHANGES_LEAST = 2;

/**
 * Learns which fields of a tool's results change by themselves: the same call came again with nothing done in between, and
 * in two of its last three answers this field was new while all others, but for such fields, stayed as they were.
 * Results of calls that are made once are not even parsed.
 */
export function learnedFields(restored?: LearnedFieldsState) {
  const tools = recent<readonly number[]>(TOOLS_MAX, restored?.tools);
  const calls = recent<Answered>(CALLS_MAX, restored?.calls);
  return {
    /** The result without the learned fields of its tool; undefined where it has none of them. `isAgain`: learn from it, too. */
    settle(tool: number, call: number, result: unknown, isAgain: boolean): unknown {
      const known = tools.get(tool) ?? [];
      if (known.length === 0 && !isAgain) return undefined;
      const leaves = leavesOf(result);
      if (leaves === undefined) return undefined;
      const learned = isAgain ? fieldsToLearn(calls, call, leaves.byPath, new Set(known)) : [];
      const fields = [...known, ...learned].slice(-FIELDS_MAX);
      if (fields.length > 0) tools.put(tool, fields);
      const present = new Set(fields.filter((path) => leaves.byPath.has(path)));
      // Who has nothing else to say is taken at his word.
      if (present.size === 0 || present.size === leaves.byPath.size) return undefined;
      return leavesOf(result, present)?.rest;
    },
    save: (): LearnedFieldsState => structuredClone({ tools: tools.save(), calls: calls.save() }),
  };
}

function fieldsToLearn(
  calls: ReturnType<typeof recent<Answered>>,
  call: number,
  leaves: ReadonlyMap<number, Leaf>,
  known: ReadonlySet<number>,
): readonly number[] {
  const paths = [...leaves.keys()];
  const now = [...leaves.values()].map(({ value, hash }) => (typeof value === 'number' ? value : hash));
  const before = calls.get(call);
  const isSameShape = before?.paths.length === paths.length && before.paths.every((path, place) => path === paths[place]);
  const results = isSameShape ? [...before.results, now].slice(-RESULTS_KEPT) : [now];
  calls.put(call, { paths, results });

  const candidates = new Set<number>();
  const changes = paths.map(() => 0);
  for (const [place, leaf] of [...leaves.values()].entries()) {
    const past = results.map((result) => result[place] ?? 0);
    if (known.has(paths[place] ?? 0) || (isNeverBack(past) && canBeNoise(leaf, past))) candidates.add(place);
  }
  for (const [turn, result] of results.entries()) {
    const last = results[turn - 1];
    if (last === undefined) continue;
    const changed = [...paths.keys()].filter((place) => result[place] !== last[place]);
    if (changed.every((place) => candidates.has(place))) for (const place of changed) changes[place] = (changes[place] ?? 0) + 1;
  }
  const learned = paths.filter((path, place) => !known.has(path) && (changes[place] ?? 0) >= CHANGES_LEAST);
  const isRestLeft = paths.some((path, place) => !known.has(path) && (changes[place] ?? 0) === 0);
  return isRestLeft ? learned : [];
}

/** Noise does not come back to what it was; a switch does. */
function isNeverBack(past: readonly number[]): boolean {
  const distinct = past.filter((value, turn) => turn === 0 || value !== past[turn - 1]);
  return new Set(distinct).size === distinct.length;
}
