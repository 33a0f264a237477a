import { hashNumbers, hashText } from './hash.ts';
import type { Prints } from './prints.ts';

/** The longest cycle that is looked for, in rounds. */
const PERIOD_MAX = 32;
const RING = PERIOD_MAX * 4;
const MEMBERS_MAX = 64;

export interface PeriodState {
  round: number;
  /** The step at which the open round began. */
  openedAt: number;
  /** Symbols and first steps of the rounds before the open one, newest last. */
  symbols: number[];
  starts: number[];
  /** For each lag, how many rounds in a row equal the round that many before. */
  runs: number[];
  /** The members of the open round, in order of size. */
  open: number[];
}

/** A round that comes again and again with a fixed period. */
export interface Cycle {
  readonly period: number;
  readonly laps: number;
  /** How many rounds in a row equalled the round one period before. */
  readonly run: number;
  readonly firstStep: number;
  /** The first steps of the cycle's rounds, oldest first. */
  readonly steps: readonly number[];
  readonly identity: number;
}

/**
 * Exact cycles of rounds. A round's symbol is the set of its (call, result, state) triples, in no order; for each lag the run of
 * equal rounds is counted, so that laps = 1 + run / lag. O(PERIOD_MAX) a step.
 */
export function periodCounter(restored?: PeriodState) {
  const state: PeriodState = restored ?? { round: -1, openedAt: 0, symbols: [], starts: [], runs: [], open: [] };
  const longestLag = (): number => Math.min(PERIOD_MAX, state.symbols.length);
  const closeRound = (): void => {
    const symbol = hashNumbers(...state.open);
    // Never beyond the list: a number that may be missing is boxed each time it is read.
    for (let lag = 1; lag <= longestLag(); lag++) {
      const past = state.symbols[state.symbols.length - lag];
      state.runs[lag - 1] = past === symbol ? (state.runs[lag - 1] ?? 0) + 1 : 0;
    }
    state.symbols.push(symbol);
    state.starts.push(state.openedAt);
    if (state.symbols.length <= RING) return;
    state.symbols.shift();
    state.starts.shift();
  };
  return {
    observe({ step, round, call, result }: Prints): Cycle | undefined {
      if (round !== state.round) {
        if (state.open.length > 0) closeRound();
        state.round = round;
        state.openedAt = step.index;
        state.open = [];
      }
      const member = step.stateHash === undefined ? hashNumbers(call, result) : hashNumbers(call, result, hashText(step.stateHash));
      if (state.open.length === 0) state.open.push(member);
      else if (!state.open.includes(member)) state.open = [...state.open, member].sort((a, b) => a - b).slice(0, MEMBERS_MAX);
      const symbol = hashNumbers(...state.open);
      for (let lag = 1; lag <= longestLag(); lag++) {
        if (state.symbols[state.symbols.length - lag] !== symbol) continue;
        const run = (state.runs[lag - 1] ?? 0) + 1;
        if (run < lag) continue;
        const lap = [...state.symbols.slice(state.symbols.length - lag + 1), symbol];
        const steps = [...state.starts.slice(-(run + lag - 1)), state.openedAt];
        return {
          period: lag,
          laps: 1 + Math.floor(run / lag),
          run,
          firstStep: steps[0] ?? state.openedAt,
          steps: steps.slice(-64),
          identity: leastRotation(lap),
        };
      }
      return undefined;
    },
    save: (): PeriodState => structuredClone(state),
  };
}

/** One name for a lap, wherever in it one begins to read. */
function leastRotation(lap: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < lap.length; turn++) {
    least = Math.min(least, hashNumbers(...lap.slice(turn), ...lap.slice(0, turn)));
  }
  return least;
}
