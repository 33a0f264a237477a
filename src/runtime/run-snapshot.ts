import { z } from 'zod';
import { dimensions, type AmountLimits, type Amounts } from '../core/amounts.ts';
import { ResumeRefusedError } from '../core/errors.ts';
import type { NameTotals } from '../core/report.ts';
import type { Verdict } from '../core/verdict.ts';
import type { SavedLadder } from './climb/saved-ladder.ts';
import type { RunBudgets } from './options.ts';
import { judgeOf, type RunCore } from './run-core.ts';
import { createHistory } from './history-totals.ts';
import type { Totals } from './totals.ts';
import { budgets, limits } from './validation.ts';

/**
 * A run as it stood, as JSON-safe data: for a run that goes on later, perhaps in another process. It holds what a person said
 * to the run and what rungs noted of it, so it belongs where the conversation itself is kept; nobody whose budget it is may
 * be able to write it.
 */
export interface RunSnapshot {
  readonly version: 1;
  readonly runId: string;
  readonly tenant: string;
  readonly scopes: Readonly<Record<string, string>>;
  /** How many steps had been begun: of two snapshots of a run the one with more is the newer. */
  readonly steps: number;
  readonly state: unknown;
}

/** What the run needs to know to go on where it stood. */
export interface RunState {
  readonly agent: string | undefined;
  readonly startedAt: number;
  readonly elapsedMs: number;
  /** The run's own limits, as they were given. */
  readonly budgets: readonly RunBudgets<string>[];
  /** Ceilings that a person has raised since. */
  readonly raised: AmountLimits | undefined;
  readonly totals: SavedTotals;
  readonly round: number;
  readonly nextRound: number;
  readonly epoch: number;
  readonly history: { readonly head: number | undefined; readonly length: number };
  readonly replays: readonly string[];
  readonly loops: unknown;
  readonly ladder: SavedLadder | undefined;
}

type SavedTotals = Omit<Totals, 'models' | 'tools'> & {
  readonly models: readonly (readonly [string, NameTotals])[];
  readonly tools: readonly (readonly [string, NameTotals])[];
};

/** What the run that is asked for a snapshot knows of itself. */
export interface StandingRun {
  readonly core: RunCore;
  readonly elapsedMs: number;
  readonly budgets: readonly RunBudgets<string>[];
  readonly raised: AmountLimits | undefined;
}

/** The run as it stands. */
export function snapshotOf({ core, ...standing }: StandingRun): RunSnapshot {
  const { info, tree, ladder, round, history, totals } = core;
  const state: RunState = {
    ...standing,
    agent: info.agent,
    startedAt: info.startedAt,
    totals: { ...totals, models: [...totals.models], tools: [...totals.tools] },
    round,
    nextRound: tree.nextRound,
    epoch: tree.epoch,
    history,
    replays: tree.replays.save(),
    loops: judgeOf(tree).save(),
    ladder: ladder?.save(),
  };
  const { id: runId, tenant, scopes } = info;
  // Plain data: what is none (the evidence of a verdict) stays in this process, and nothing that goes on changes it.
  return JSON.parse(JSON.stringify({ version: 1, runId, tenant, scopes, steps: tree.nextStep, state })) as RunSnapshot;
}

const amount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const figure = z.number().min(0);
const figures = z.record(z.string(), figure);
const amounts = z.object(Object.fromEntries(dimensions.map((dimension) => [dimension, amount]))) as unknown as z.ZodType<Amounts>;
const names = z.array(z.tuple([z.string(), z.object({ calls: amount, usage: figures, usd: z.number().min(0) })])).max(128);
const listed = z.array(z.looseObject({ step: amount })).max(128);

const state = z.object({
  agent: z.string().optional(),
  startedAt: z.number(),
  elapsedMs: z.number().min(0),
  budgets: z.array(budgets(limits)).max(64),
  raised: z.partialRecord(z.enum(dimensions), amount).optional(),
  totals: z.object({
    used: amounts,
    held: amounts,
    overage: amounts,
    expected: z.object({ inputTokens: z.number().min(0), outputTokens: z.number().min(0), nanoUsd: z.number().min(0) }),
    usage: figures,
    estimatedSteps: amount,
    unpricedCalls: amount,
    history: z
      .object({
        turns: amount,
        laterTurns: amount,
        inputTokens: amount,
        carriedTokens: amount,
        freshTokens: amount,
        carriedNano: amount,
        before: z.object({ inputTokens: amount, outputTokens: amount }).optional(),
        newest: z.array(z.object({ turn: amount, inputTokens: amount, carriedTokens: amount, usd: figure, carriedUsd: figure })).max(64),
      })
      .default(createHistory),
    models: names,
    tools: names,
    verdicts: listed,
    interventions: listed,
  }),
  round: amount,
  nextRound: amount,
  epoch: amount,
  history: z.object({ head: z.number().optional(), length: amount }),
  replays: z.array(z.string()).max(1_024),
  loops: z.unknown().optional(),
  ladder: z.unknown().optional(),
});

const snapshot = z.object({
  version: z.literal(1),
  runId: z.string().min(1).max(512),
  tenant: z.string(),
  scopes: z.record(z.string(), z.string()),
  steps: amount,
  state,
});

const texts = z.array(z.string()).max(64);

/** Deep enough that nothing in it can throw, and no figure of it counts. */
const ladder = z.object({
  ending: z.looseObject({ cause: z.string(), reason: z.string() }).optional(),
  waitsFor: z.string().optional(),
  failed: texts.optional(),
  inEffect: z.object({ model: texts, tool: texts }).optional(),
  answeredTools: amount,
  replies: z.array(z.object({ place: amount, print: amount, text: z.string() })).max(64),
  loop: z
    .object({
      verdict: z.looseObject({ kind: z.string(), reason: z.string() }),
      results: z.array(z.tuple([z.string(), z.array(z.number())])),
      known: z.array(z.string()),
      outside: amount,
    })
    .optional(),
  notes: z.array(z.tuple([z.string(), z.array(z.tuple([z.string(), z.unknown()]))])),
});

const isLadder = (value: unknown): boolean => value === undefined || ladder.safeParse(value).success;

/** A snapshot that was checked, ready to start from. */
export interface ReadSnapshot extends Omit<RunSnapshot, 'state'> {
  readonly state: RunState;
}

/** Reads a snapshot that was kept somewhere. */
export function readSnapshot(value: unknown): ReadSnapshot {
  const { success, data } = snapshot.safeParse(value);
  if (success && isLadder(data.state.ladder)) return structuredClone(data) as unknown as ReadSnapshot;
  const { runId } = (value ?? {}) as { runId?: unknown };
  throw new ResumeRefusedError(typeof runId === 'string' ? runId : '', 'unreadable');
}

/** A verdict that was plain data for a while: its evidence stayed where it was seen. */
const restoredVerdict = (verdict: Verdict): Verdict => ({ ...verdict, evidence: () => [] });

export const restoredTotals = (saved: SavedTotals): Totals => ({
  ...saved,
  models: new Map(saved.models),
  tools: new Map(saved.tools),
  verdicts: saved.verdicts.map(restoredVerdict),
  interventions: [...saved.interventions],
});
