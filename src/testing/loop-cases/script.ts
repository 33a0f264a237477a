import type { StepRecord } from '../../core/step.ts';
import type { ToolPolicy } from '../../loops/options.ts';

/** One step of a script: what an agent did, and what came of it. */
export interface ScriptStep {
  readonly kind: 'tool' | 'model';
  readonly name: string;
  readonly args?: unknown;
  readonly output?: unknown;
  readonly isError?: boolean;
  readonly reply?: string;
  readonly agent?: string;
  readonly stateHash?: string;
  readonly runId?: string;
  readonly parentRunId?: string;
  readonly answeredByGuard?: boolean;
  readonly approved?: boolean;
  readonly epoch?: number;
  /** Asked for at once with the step before. */
  readonly isSameRound?: boolean;
  /** Milliseconds between the step before and this one. Default 2,000. */
  readonly gapMs?: number;
}

/** A script of one kind of loop, or of honest work that looks like one. */
export interface LoopCase {
  /** `L1` … `L21` for loops, `N1` … `N17` for honest work; a letter behind it tells variants apart. */
  readonly id: string;
  readonly title: string;
  readonly isLoop: boolean;
  /** What the host declares of its tools. */
  readonly tools?: Readonly<Record<string, ToolPolicy>>;
  readonly steps: readonly ScriptStep[];
  /** A text that streams, for loops inside one answer. */
  readonly text?: string;
}

/** A case of a loop. */
export const loop = (id: string, title: string, steps: readonly ScriptStep[], more: Partial<LoopCase> = {}): LoopCase => ({
  id,
  title,
  isLoop: true,
  steps,
  ...more,
});

export const call = (name: string, args: unknown, output: unknown, more: Partial<ScriptStep> = {}): ScriptStep => ({
  kind: 'tool',
  name,
  args,
  output,
  ...more,
});
export const fail = (name: string, args: unknown, output: unknown, more: Partial<ScriptStep> = {}): ScriptStep =>
  call(name, args, output, { isError: true, ...more });
export const say = (output: string, more: Partial<ScriptStep> = {}): ScriptStep => ({ kind: 'model', name: 'model', output, ...more });
export const times = <T>(count: number, make: (index: number) => T | readonly T[]): T[] =>
  Array.from({ length: count }, (_, index) => make(index)).flat() as T[];

const GAP_MS = 2000;
const STEP_MS = 500;

/** Turns a script into the records that a judge sees. */
export function recordsOf(steps: readonly ScriptStep[]): StepRecord[] {
  let round = -1;
  let now = Date.UTC(2026, 0, 1);
  return steps.map(({ isSameRound, gapMs, runId, ...step }, index) => {
    if (isSameRound !== true) round++;
    now += gapMs ?? (isSameRound === true ? 0 : GAP_MS);
    const startedAt = now;
    now += STEP_MS;
    return { ...step, runId: runId ?? 'run', index, round, tokens: 500, nanoUsd: 100_000, startedAt, endedAt: now };
  });
}

/** Words that no other call of `words` gives: new ground. */
export const freshText = (seed: number, count = 40): string =>
  times(count, (index) => `${ROOTS[(seed * 7 + index * 3) % ROOTS.length]}${suffix(seed * 101 + index * 17)}`).join(' ');

const ROOTS = [
  'harbour',
  'lantern',
  'meadow',
  'copper',
  'violet',
  'granite',
  'saddle',
  'orchard',
  'timber',
  'feather',
  'marble',
  'canvas',
  'pepper',
];

function suffix(value: number): string {
  let text = '';
  for (let rest = value + 26; rest > 0; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26));
  return text;
}
