import type { AmountLimits } from '../core/amounts.ts';
import type { HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import type { RunReport } from '../core/report.ts';
import type { Call } from '../core/step.ts';
import type { BudgetAlert, Events, RunInfo } from './events.ts';
import type { LoopJudge } from '../loops/detector.ts';
import type { ToolPolicy } from '../loops/options.ts';
import type { Meter } from '../meter/meter.ts';
import { publicAmount } from '../core/budget.ts';
import type { AccountRef, Denial, ThresholdCrossing } from '../stores/store.ts';
import type { AccountPlan, Accounts } from './accounts.ts';
import type { RunLadder, TreeLadder } from './climb/run-ladder.ts';
import type { Standings } from './climb/standings.ts';
import type { Clock } from './clock.ts';
import type { Gate } from './gate.ts';
import { budgetReason, denialFacts, type HaltFacts } from './halts.ts';
import type { Ledger } from './ledger.ts';
import type { ResolvedGuardOptions } from './options.ts';
import type { Replays } from './replays.ts';
import type { Run } from './run.ts';
import type { RunSnapshot } from './run-snapshot.ts';
import type { OpenStep } from './open-step.ts';
import type { StepTotals, Totals } from './totals.ts';

/** What all runs of a guard share. */
export interface GuardCore {
  /** Stands for the guard in the ambient context. */
  readonly key: object;
  readonly options: ResolvedGuardOptions;
  readonly clock: Clock;
  readonly events: Events;
  readonly meter: Meter;
  readonly accounts: Accounts;
  readonly ledger: Ledger;
  /** How full accounts are, for ladders. */
  readonly standings: Standings;
  readonly gate: Gate;
  readonly holdTtlMs: number;
  readonly toolPolicy: (name: string) => ToolPolicy | undefined;
  /** Steps in flight are extended while they live and given up when nothing is heard of them. */
  readonly opened: (step: OpenStep) => void;
  readonly closed: (step: OpenStep) => void;
  readonly openSteps: () => readonly OpenStep[];
  /** Knows of a run that is writing its last, and hands the promise back. */
  readonly finishing: (ending: Promise<void>) => Promise<void>;
  readonly remember: (error: HaltError, run: RunInfo) => void;
  /** A run is over: nothing more begins in it. */
  readonly runEnded: (run: RunCore) => void;
  /** A run and all runs inside it are over: nobody draws on its account any more. */
  readonly runGone: (run: RunCore) => void;
  /** Somebody may go on from here in another process, or later in this one. */
  readonly snapshotTaken: (run: RunCore) => void;
}

/** What the runs of one tree share: sub-agents are judged with their parents, and steps are numbered through. */
export interface RunTree {
  /** Made when it is first asked, see `judgeOf`: many runs are a single call. */
  judge: LoopJudge | undefined;
  /** Makes a judge that knows what another one saved, or nothing. */
  readonly newJudge: (known?: unknown) => LoopJudge;
  /** What was known of the loops when the tree began. */
  readonly knownLoops: unknown;
  /** Undefined without a ladder. */
  readonly climbing: TreeLadder | undefined;
  nextStep: number;
  nextRound: number;
  /** How often the history of one of its runs was cut or summarised: what was read before may be read again. */
  epoch: number;
  /** What was done before the run was paused. */
  readonly replays: Replays;
  /** The step whose stream the judge reads: two streams at once would make no sense to it. */
  streaming: object | undefined;
}

/** The judge of a tree of runs. */
export const judgeOf = (tree: RunTree): LoopJudge => (tree.judge ??= tree.newJudge(tree.knownLoops));

/** What steps need of their run. */
export interface RunCore {
  readonly guard: GuardCore;
  readonly info: RunInfo;
  /** The run that it is inside of. */
  readonly parent: RunCore | undefined;
  /** The run as its users hold it. */
  readonly run: Run;
  readonly tree: RunTree;
  /** Made when it is first asked for. */
  readonly signal: AbortSignal;
  readonly totals: Totals;
  /** Begins the ids of the run's steps; no two runs share it, even under one run id. */
  readonly stepPrefix: string;
  readonly gate: Gate;
  /** Undefined without a ladder. */
  readonly ladder: RunLadder | undefined;
  /** What this run and those around it set for themselves, by scope. */
  readonly tighter: Readonly<Record<string, AmountLimits>>;
  /** The accounts of this run and of those around it. */
  readonly runRefs: readonly AccountRef[];
  /** The accounts of the run, looked up again when they have become stale. */
  plan(): AccountPlan | Promise<AccountPlan>;
  /** How the history of the last model call began, and its length: a shorter one with the same beginning was cut. */
  history: { readonly head: number | undefined; readonly length: number };
  /** The number of the model call that asked for the next tool calls. */
  round: number;
  /** Why the run was stopped, once listeners have heard of it. */
  readonly halted: Halt | undefined;
  readonly isEnded: boolean;
  /** The error with which this run, or one around it, was stopped. */
  haltError(): HaltError | undefined;
  /** Stops the run: latch, abort, and the one error instance. */
  halt(facts: HaltFacts): HaltError;
  /** Gives the run's own account other ceilings; where it has none, that of the run around it. */
  raise(limits: AmountLimits): AccountRef | undefined;
  /** Ends the run softly, by a rung: the step that is about to be opened is its last. Nothing is aborted while that one is open. */
  close(facts: HaltFacts, rung: string | undefined): void;
  /** The closing step is over. One that failed leaves the run to the terminal rungs that follow, or nothing but the error. */
  closingEnded(isFailed: boolean): void;
  /** The error with which this run, or one around it, was ended softly. */
  closedBy(): HaltError | undefined;
  /** Lets the run's duration stand still until the returned function is called. */
  standStill(): () => void;
  /** Throws when no further step may begin; `isClosing` asks for a further attempt of the last one. */
  assertGoing(isClosing?: boolean): void;
  /** Adds to the totals of the run and of those around it; `isOwn` is false for a step of a run inside. */
  add(step: StepTotals, isOwn?: boolean): void;
  hasOpenSteps(): boolean;
  /** A step of this run or of one inside it was opened, or is over. */
  opened(step: OpenStep): void;
  closed(step: OpenStep): void;
  /** A run inside has begun, or one inside (or this one) is over. */
  entered(): void;
  gone(): void;
  /** Somebody more works in the run, holds it open by hand, or waits for a slot or for the store. */
  join(): void;
  /** Somebody has done. When all have, the run ends as soon as no step is open in it or in the runs inside it. */
  leave(): Promise<void> | undefined;
  report(): RunReport;
  snapshot(): RunSnapshot;
  /** Ends the run. Steps that are still open are booked as they stand. */
  end(): Promise<void>;
}

/** Tells of thresholds that a settlement crossed. */
export function emitAlerts(events: Events, crossings: readonly ThresholdCrossing[]): void {
  for (const { tenant, scope, id, dimension, threshold, settled, limit, resetsAt } of crossings) {
    const alert: BudgetAlert = {
      tenant,
      scope,
      id,
      dimension,
      threshold,
      used: publicAmount(dimension, settled),
      limit: publicAmount(dimension, limit),
      resetsAt,
    };
    events.emit('budget:alert', alert);
  }
}

/** The name under which a call is listed: the tool's, or the model's. */
export const callName = (call: Call): string => (call.kind === 'model' ? call.model : call.name);

/** Why a reservation was refused, as the facts of a halt. */
export function refusal(denial: Denial | undefined, step: number): HaltFacts {
  if (!denial) return { cause: 'store', reason: "the budget store did not answer and an account's policy is `closed`", step };
  const facts = denialFacts(denial);
  return { cause: 'budget', reason: budgetReason(facts), denial: facts, step };
}

/** Stops a run because a reservation was refused, by a budget or (without a denial) by a store that did not answer. */
export const refuse = (core: RunCore, denial: Denial | undefined, step: number): HaltError => core.halt(refusal(denial, step));
