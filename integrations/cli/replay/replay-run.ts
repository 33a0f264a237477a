import { createLoopJudge, type LoopOptions, type StepRecord } from 'holdfast';
import { figuresOf, type StepFigures } from './figures.ts';
import type { RecordedRun, RecordedStep, RecordedVerdict } from './recorded-run.ts';

/** Ceilings of a run in replay; a dimension that is absent has none. */
export interface ReplayLimits {
  /** Model calls and tool calls together. The guard's default is 250. */
  readonly steps?: number | undefined;
  readonly tokens?: number | undefined;
  readonly usd?: number | undefined;
  readonly modelCalls?: number | undefined;
  readonly toolCalls?: number | undefined;
}

export interface ReplayOptions {
  readonly loops: LoopOptions;
  readonly limits: ReplayLimits;
  /** The model to price by, where the file names none or another. */
  readonly model?: string | undefined;
}

/** What a guard would have done with one recorded run. */
export interface ReplayedRun {
  readonly run: RecordedRun;
  /** The first step at which the run would have ended; null where it would not. */
  readonly haltedAt: number | null;
  readonly cause: 'loop' | 'budget' | null;
  /** The limit that halted it, for the cause `budget`. */
  readonly dimension: keyof ReplayLimits | null;
  /** Each loop's first warning and first halt. A recorded run cannot react, so verdicts go on behind a halt. */
  readonly verdicts: readonly RecordedVerdict[];
  readonly tokens: { readonly total: number | null; readonly saved: number | null };
  readonly usd: { readonly total: number | null; readonly saved: number | null };
  /** Whether any figure is estimated from lengths. */
  readonly isEstimated: boolean;
}

/** How many steps a halt would have saved: a loop is halted behind its step, a budget before it. */
export const savedSteps = ({ run, haltedAt, cause }: ReplayedRun): number =>
  haltedAt === null ? 0 : run.steps.length - haltedAt - (cause === 'budget' ? 0 : 1);

/** Plays a recorded run to a guard's judge and limits. */
export function replayRun(run: RecordedRun, options: ReplayOptions): ReplayedRun {
  const figures = run.asRecorded?.figures ?? figuresOf(run, options.model);
  const verdicts = firstOfEach(run.asRecorded?.verdicts ?? judged(run, figures, options.loops));
  const loopAt = verdicts.find(({ level }) => level === 'halt')?.step ?? null;
  const limit = firstOver(figures, options.limits);
  const isBudget = limit !== null && (loopAt === null || limit.step <= loopAt);
  const haltedAt = isBudget ? limit.step : loopAt;
  return {
    run,
    haltedAt,
    cause: haltedAt === null ? null : isBudget ? 'budget' : 'loop',
    dimension: isBudget ? limit.dimension : null,
    verdicts,
    tokens: { total: sumOf(figures, 'tokens'), saved: savedOf(figures, haltedAt, isBudget, 'tokens') },
    usd: { total: dollars(sumOf(figures, 'nanoUsd')), saved: dollars(savedOf(figures, haltedAt, isBudget, 'nanoUsd')) },
    isEstimated: figures.some(({ isEstimated }) => isEstimated),
  };
}

function judged(run: RecordedRun, figures: readonly StepFigures[], loops: LoopOptions): readonly RecordedVerdict[] {
  const judge = createLoopJudge(loops);
  return run.steps.flatMap((step, index) => judge.observe(recordOf(run, step, index, figures[index])) ?? []);
}

function firstOfEach(verdicts: readonly RecordedVerdict[]): readonly RecordedVerdict[] {
  const told = new Set<string>();
  return verdicts.filter(({ level, identity }) => {
    const name = `${level} ${identity}`;
    if (told.has(name)) return false;
    told.add(name);
    return true;
  });
}

function recordOf(run: RecordedRun, step: RecordedStep, index: number, figures: StepFigures | undefined): StepRecord {
  return {
    runId: run.id,
    index,
    round: step.round,
    kind: step.kind,
    name: step.name,
    args: step.args,
    output: step.output,
    reply: step.reply,
    agent: step.agent,
    isError: step.isError,
    hints: step.hints,
    argsHash: step.argsHash,
    outputHash: step.outputHash,
    stateHash: step.stateHash,
    tokens: figures?.tokens ?? null,
    nanoUsd: figures?.nanoUsd ?? null,
    startedAt: step.startedAt ?? 0,
    endedAt: step.endedAt ?? step.startedAt ?? 0,
  };
}

/** The first step that a limit would have refused: the one with which the sum goes above it. */
function firstOver(figures: readonly StepFigures[], limits: ReplayLimits): { step: number; dimension: keyof ReplayLimits } | null {
  const used = { steps: 0, tokens: 0, usd: 0, modelCalls: 0, toolCalls: 0 };
  for (const [step, one] of figures.entries()) {
    used.steps += one.meteredSteps;
    used.tokens += one.tokens ?? 0;
    used.usd += (one.nanoUsd ?? 0) / NANO_PER_USD;
    used.modelCalls += one.modelCalls;
    used.toolCalls += one.toolCalls;
    for (const dimension of ['steps', 'tokens', 'usd', 'modelCalls', 'toolCalls'] as const) {
      const limit = limits[dimension];
      if (limit !== undefined && used[dimension] > limit) return { step, dimension };
    }
  }
  return null;
}

type Figure = 'tokens' | 'nanoUsd';

const NANO_PER_USD = 1e9;
const dollars = (nano: number | null): number | null => (nano === null ? null : nano / NANO_PER_USD);

function sumOf(figures: readonly StepFigures[], figure: Figure): number | null {
  let sum = 0;
  for (const one of figures) {
    const value = one[figure];
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

/** A loop is halted behind its step, a budget before it. */
function savedOf(figures: readonly StepFigures[], haltedAt: number | null, isBudget: boolean, figure: Figure): number | null {
  if (haltedAt === null) return sumOf(figures, figure) === null ? null : 0;
  return sumOf(figures.slice(isBudget ? haltedAt : haltedAt + 1), figure);
}
