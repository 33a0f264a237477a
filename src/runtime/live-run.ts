import type { AmountLimits } from '../core/amounts.ts';
import type { Duration } from '../core/duration.ts';
import { InvalidOptionError, RunEndedError, type HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import type { RunReport } from '../core/report.ts';
import type { AccountRef } from '../stores/store.ts';
import { inheritTighter, type AccountPlan } from './accounts.ts';
import { keptShare, raised } from './climb/kept.ts';
import { runLadder, type RunLadder } from './climb/run-ladder.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import type { RunInfo } from './events.ts';
import { createGate, type Gate } from './gate.ts';
import { overTimeFacts, type HaltFacts } from './halts.ts';
import { addTurn } from './history-totals.ts';
import { Latch } from './latch.ts';
import { inOnePiece, uniqueName } from './names.ts';
import { openRun } from './open-run.ts';
import type { OpenStep } from './open-step.ts';
import type { Concurrency, RunBudgets } from './options.ts';
import { distinct, ownLimits } from './own-limits.ts';
import { reportOf } from './report.ts';
import type { Run } from './run.ts';
import type { GuardCore, RunCore, RunTree } from './run-core.ts';
import type { RunParts } from './run-parts.ts';
import { restoredTotals, snapshotOf, type RunSnapshot } from './run-snapshot.ts';
import { detach, isPromise } from './time-limit.ts';
import { addStep, createTotals, type StepTotals, type Totals } from './totals.ts';

/**
 * A run and what the runtime does with it behind the user's back. A class, and not a bundle of functions: a proxy has thousands that rest
 * between two calls, and the collector visits each part of each.
 */
export class LiveRun implements RunCore {
  readonly guard: GuardCore;
  readonly info: RunInfo;
  readonly tree: RunTree;
  readonly parent: RunCore | undefined;
  readonly run: Run;
  readonly totals: Totals;
  readonly tighter: Readonly<Record<string, AmountLimits>>;
  readonly runRefs: AccountRef[];
  readonly stepPrefix: string;
  readonly gate: Gate;
  readonly ladder: RunLadder | undefined;
  round: number;
  history: RunCore['history'];
  readonly #budgets: readonly RunBudgets<string>[];
  readonly #ownAccount: AccountRef | undefined;
  readonly #deadline: Deadline;
  readonly #latch: Latch;
  /** How many steps are open in it and in the runs inside it. */
  #openSteps = 0;
  #plan: AccountPlan | Promise<AccountPlan>;
  #raisedTo: AmountLimits | undefined = undefined;
  #endedAt: number | null = null;
  #ending: Promise<void> | undefined = undefined;
  /** Who works in the run, or holds it open by hand: at first whoever started it. */
  #users = 1;
  /** This run and those inside it that are not over. */
  #living = 1;

  constructor(guard: GuardCore, info: RunInfo, { parent, tree, budgets, signal, resumed }: RunParts) {
    const { clock, accounts, options } = guard;
    const { id, scopes: ids } = info;
    this.guard = guard;
    this.info = info;
    this.tree = tree;
    this.parent = parent;
    this.totals = resumed ? restoredTotals(resumed.totals) : createTotals();
    this.round = resumed?.round ?? 0;
    this.history = resumed?.history ?? nothingSaid;
    this.stepPrefix = inOnePiece(`${id}:${uniqueName()}:`);
    this.gate = createGate((options.concurrency as Concurrency).run);
    this.ladder = tree.climbing && runLadder(this, options.ladder, tree.climbing, resumed?.ladder);
    this.#budgets = distinct([...(resumed?.budgets ?? []), ...(budgets ? [budgets] : [])]);
    const guards = parent ? undefined : (options.budgets['run'] as { duration?: Duration } | undefined)?.duration;
    const { limits, limitMs } = ownLimits(this.#budgets, guards, accounts);
    this.tighter = inheritTighter(parent?.tighter ?? {}, limits);
    this.#ownAccount = accounts.runAccount({ id, ids, tighter: this.tighter }, parent !== undefined, this.#budgets.at(-1)?.run);
    this.runRefs = (parent?.runRefs ?? []).concat(this.#ownAccount ?? []);
    this.#plan = this.#renewed();
    this.#deadline = startDeadline(clock, limitMs, () => void this.#overTime(), resumed?.elapsedMs);
    this.run = openRun(this);
    if (resumed?.raised) this.raise(resumed.raised);
    const restored = resumed && this.#ownAccount && guard.ledger.restore(this.#ownAccount, resumed.totals.used);
    if (isPromise(restored)) {
      const ready = this.#plan;
      this.#plan = this.#once(Promise.resolve(restored).then(() => ready));
    }
    // Last: what could not be started listens to nobody.
    this.#latch = new Latch(this, [parent?.signal, signal]);
    parent?.entered();
  }

  get signal(): AbortSignal {
    return this.#latch.signal;
  }

  get halted(): Halt | undefined {
    return this.#latch.halted;
  }

  get isEnded(): boolean {
    return this.#endedAt !== null;
  }

  plan(): AccountPlan | Promise<AccountPlan> {
    const plan = this.#plan;
    return isPromise(plan) || plan.freshUntil > this.guard.clock.now() ? plan : (this.#plan = this.#renewed());
  }

  #renewed(): AccountPlan | Promise<AccountPlan> {
    const { info, tighter, runRefs } = this;
    const plan = this.guard.accounts.plan({ id: info.id, ids: info.scopes, tighter, runRefs });
    return isPromise(plan) ? this.#once(Promise.resolve(plan)) : plan;
  }

  /** A plan that is being looked up, which is the run's as soon as it is there. */
  #once(plan: Promise<AccountPlan>): Promise<AccountPlan> {
    return plan.then((ready) => (this.#plan = ready));
  }

  haltError(): HaltError | undefined {
    return this.#latch.error ?? this.parent?.haltError();
  }

  halt(facts: HaltFacts): HaltError {
    return this.#latch.halt(facts);
  }

  close(facts: HaltFacts, rung: string | undefined): void {
    this.#latch.close(facts, rung);
  }

  closingEnded(isFailed: boolean): void {
    this.#latch.closingEnded(isFailed);
  }

  closedBy(): HaltError | undefined {
    return this.#latch.closed ?? this.parent?.closedBy();
  }

  #overTime(): HaltError {
    return this.halt(overTimeFacts(this.info, this.#deadline.elapsedMs(), this.#deadline.limitMs));
  }

  raise(limits: AmountLimits): AccountRef | undefined {
    const account = this.runRefs.at(-1);
    const isOwn = this.#ownAccount !== undefined && account !== undefined;
    const higher = isOwn ? raised(account, limits, keptShare(this.guard.options.ladder)) : this.parent?.raise(limits);
    const place = this.runRefs.findIndex((ref) => ref.id === higher?.id);
    if (!higher || place < 0) return undefined;
    this.runRefs[place] = higher;
    if (this.#ownAccount) this.#raisedTo = { ...this.#raisedTo, ...limits };
    this.#plan = this.#renewed();
    return higher;
  }

  standStill(): () => void {
    return this.#deadline.pause();
  }

  assertGoing(isClosing = false): void {
    const stopped = this.haltError();
    if (stopped) throw stopped;
    if (this.isEnded) throw new RunEndedError(this.info.id);
    const ended = isClosing ? undefined : this.closedBy();
    if (ended) throw this.#latch.refuse(ended);
    if (this.#deadline.isOver()) throw this.#overTime();
    this.#latch.throwIfAborted();
  }

  add(step: StepTotals, isOwn = true): void {
    addStep(this.totals, step);
    const { kind, usage, used, price, isEstimated } = step;
    if (isOwn && kind === 'model' && usage && !isEstimated) addTurn(this.totals.history, { usage, nanoUsd: used.usd, price });
    this.parent?.add(step, false);
  }

  hasOpenSteps(): boolean {
    return this.#openSteps > 0;
  }

  opened(step: OpenStep): void {
    this.#openSteps += 1;
    (this.parent ?? this.guard).opened(step);
  }

  closed(step: OpenStep): void {
    this.#openSteps -= 1;
    (this.parent ?? this.guard).closed(step);
    detach(this.#endIfIdle());
  }

  entered(): void {
    this.#living += 1;
    this.parent?.entered();
  }

  gone(): void {
    this.#living -= 1;
    if (this.#living === 0) this.guard.runGone(this);
    this.parent?.gone();
  }

  join(): void {
    this.#users += 1;
  }

  leave(): Promise<void> | undefined {
    this.#users -= 1;
    return this.#endIfIdle();
  }

  #endIfIdle(): Promise<void> | undefined {
    return this.#users === 0 && this.#openSteps === 0 ? this.#finish() : undefined;
  }

  report(): RunReport {
    const halt = this.halted ?? this.parent?.haltError()?.halt;
    return reportOf({ info: this.info, totals: this.totals, endedAt: this.#endedAt, durationMs: this.#deadline.elapsedMs(), halt });
  }

  snapshot(): RunSnapshot {
    const { id } = this.info;
    const stopped = this.haltError() ?? this.closedBy();
    if (stopped) throw stopped;
    if (this.isEnded) throw new RunEndedError(id);
    if (this.parent) {
      const message = 'take it of the outermost run: a run inside another is a part of it';
      throw new InvalidOptionError('run.snapshot()', [{ path: '', message, value: id }]);
    }
    this.guard.snapshotTaken(this);
    return snapshotOf({ core: this, elapsedMs: this.#deadline.elapsedMs(), budgets: this.#budgets, raised: this.#raisedTo });
  }

  end(): Promise<void> {
    if (!this.#ending && this.#openSteps > 0) for (const step of this.guard.openSteps()) if (isInside(step.parts.core, this)) step.giveUp();
    return this.#finish();
  }

  #finish(): Promise<void> {
    return (this.#ending ??= this.guard.finishing(this.#over()));
  }

  async #over(): Promise<void> {
    const { guard, info } = this;
    this.#endedAt = guard.clock.now();
    this.#deadline.stop();
    this.#latch.stopListening();
    guard.runEnded(this);
    this.gone();
    await guard.ledger.flush();
    guard.events.emit('run:end', { run: info, report: this.report() });
  }
}

const nothingSaid: RunCore['history'] = Object.freeze({ head: undefined, length: 0 });

function isInside(run: RunCore, outer: RunCore): boolean {
  for (let each: RunCore | undefined = run; each; each = each.parent) if (each === outer) return true;
  return false;
}
