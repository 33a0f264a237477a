import { randomUUID } from 'node:crypto';
import type { AmountLimits } from '../core/amounts.ts';
import type { Duration } from '../core/duration.ts';
import { haltError as newHaltError, InvalidOptionError, RunEndedError, type HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import { abortWith } from './abort-with.ts';
import { inheritTighter, type AccountPlan } from './accounts.ts';
import { within } from './ambient.ts';
import { beginStep } from './begin.ts';
import { keptShare, raised } from './climb/kept.ts';
import { runLadder } from './climb/run-ladder.ts';
import { startDeadline } from './deadline.ts';
import type { RunInfo } from './events.ts';
import { createGate } from './gate.ts';
import { overTimeFacts, type HaltFacts } from './halts.ts';
import { judgeRun } from './judge-run.ts';
import type { OpenStep } from './open-step.ts';
import { distinct, ownLimits } from './own-limits.ts';
import { reportOf } from './report.ts';
import { openRun } from './open-run.ts';
import type { Run } from './run.ts';
import { restoredTotals, snapshotOf } from './run-snapshot.ts';
import { judgeOf, type GuardCore, type RunCore } from './run-core.ts';
import type { RunParts, StartedRun } from './run-parts.ts';
import type { Concurrency } from './options.ts';
import { detach, isPromise } from './time-limit.ts';
import { addTurn } from './history-totals.ts';
import { addStep, createTotals } from './totals.ts';
import { wholeStep } from './whole-step.ts';

export function startRun(guard: GuardCore, parts: RunParts): StartedRun {
  const { parent, tree, resumed } = parts;
  const { clock, events, accounts, options } = guard;
  const id = parts.id ?? randomUUID();
  // Listeners see it too, and must not be able to change for whom the run works.
  const ids = Object.freeze({ ...parent?.info.scopes, ...parts.ids });
  if (parent && accounts.tenantOf(ids) !== parent.info.tenant) {
    const message = `a run inside another belongs to its tenant ("${parent.info.tenant}"); start it with parent: null for another tenant`;
    throw new InvalidOptionError('scopes', [{ path: 'scopes.tenant', message, value: ids['tenant'] }]);
  }
  const info: RunInfo = {
    id,
    parentId: parent?.info.id,
    agent: parts.agent ?? resumed?.agent,
    tenant: accounts.tenantOf(ids),
    scopes: ids,
    startedAt: resumed?.startedAt ?? clock.now(),
  };
  const controller = new AbortController();
  const totals = resumed ? restoredTotals(resumed.totals) : createTotals();
  const openSteps = new Set<OpenStep>();
  let halted: Halt | undefined;
  let haltError: HaltError | undefined;
  /** Set when the run was ended softly, by its last step. */
  let closed: HaltError | undefined;
  let closing: { readonly facts: HaltFacts; readonly rung: string | undefined } | undefined;
  let isClosingOpen = false;
  let endedAt: number | null = null;
  let ending: Promise<void> | undefined;
  let users = 0;
  /** This run and those inside it that are not over. */
  let living = 1;

  const guards = parent ? undefined : (options.budgets['run'] as { duration?: Duration } | undefined)?.duration;
  const budgets = distinct([...(resumed?.budgets ?? []), ...(parts.budgets ? [parts.budgets] : [])]);
  const { limits: own, limitMs } = ownLimits(budgets, guards, accounts);
  let raisedTo: AmountLimits | undefined;
  const tighter = inheritTighter(parent?.tighter ?? {}, own);
  const ownAccount = accounts.runAccount({ id, ids, tighter }, parent !== undefined, budgets.at(-1)?.run);
  const runRefs = (parent?.runRefs ?? []).concat(ownAccount ?? []);
  const identity = { id, ids, tighter, runRefs };
  let plan: AccountPlan | Promise<AccountPlan> = accounts.plan(identity);
  const planReady = (ready: AccountPlan): AccountPlan => (plan = ready);
  if (isPromise(plan)) plan = Promise.resolve(plan).then(planReady);

  const deadline = startDeadline(clock, limitMs, () => void overTime(), resumed?.elapsedMs);

  const overTime = (): HaltError => core.halt(overTimeFacts(info, deadline.elapsedMs(), limitMs));

  const core: RunCore & { run: Run } = {
    guard,
    info,
    tree,
    tighter,
    signal: controller.signal,
    stepPrefix: `${id}:${randomUUID().slice(0, 8)}:`,
    gate: createGate((options.concurrency as Concurrency).run),
    ladder: tree.climbing && runLadder(() => core, options.ladder, tree.climbing, totals, resumed?.ladder),
    round: resumed?.round ?? 0,
    history: resumed?.history ?? { head: undefined, length: 0 },
    runRefs,
    plan() {
      if (isPromise(plan) || plan.freshUntil > clock.now()) return plan;
      const renewed = accounts.plan(identity);
      return (plan = isPromise(renewed) ? Promise.resolve(renewed).then(planReady) : renewed);
    },
    haltError: () => haltError ?? parent?.haltError(),
    halt(facts: HaltFacts) {
      if (haltError) return haltError;
      // A run that was ended softly has had its event, and its one error.
      if (closed && endedAt === null) return stopWith(closed);
      const halt = { step: tree.nextStep, ...facts, runId: id, at: clock.now() };
      // A run that is over can no longer be stopped: its report is final, and listeners have heard of its end.
      if (endedAt !== null) return newHaltError(halt, run.report());
      return stopWith(latch(halt));
    },
    raise(limits) {
      const account = runRefs.at(-1);
      const higher = ownAccount && account ? raised(account, limits, keptShare(options.ladder)) : parent?.raise(limits);
      const place = runRefs.findIndex((ref) => ref.id === higher?.id);
      if (!higher || place < 0) return undefined;
      runRefs[place] = higher;
      if (ownAccount) raisedTo = { ...raisedTo, ...limits };
      const renewed = accounts.plan(identity);
      plan = isPromise(renewed) ? Promise.resolve(renewed).then(planReady) : renewed;
      return higher;
    },
    close(facts, rung) {
      isClosingOpen = true;
      closing = { facts, rung };
      const halt = { step: tree.nextStep, ...facts, runId: id, at: clock.now() };
      closed = newHaltError(halt, { ...run.report(), halt });
    },
    standStill: () => deadline.pause(),
    closingEnded(isFailed) {
      isClosingOpen = false;
      if (!closed) return;
      if (isFailed && !haltError && closing && core.ladder?.leavesTo(closing)) closed = undefined;
      else if (isFailed) stopWith(tell(closed));
      else tell(closed);
    },
    closedBy: () => closed ?? parent?.closedBy(),
    assertGoing(isClosing = false) {
      const stopped = core.haltError();
      if (stopped) throw stopped;
      if (endedAt !== null) throw new RunEndedError(id);
      const ended = isClosing ? undefined : core.closedBy();
      // Its answer may still be under way: that must not be aborted.
      if (ended) throw ended === closed && !isClosingOpen ? stopWith(ended) : ended;
      if (deadline.isOver()) throw overTime();
      controller.signal.throwIfAborted();
    },
    add(step, isOwn = true) {
      addStep(totals, step);
      const { kind, usage, used, price, isEstimated } = step;
      if (isOwn && kind === 'model' && usage && !isEstimated) addTurn(totals.history, { usage, nanoUsd: used.usd, price });
      parent?.add(step, false);
    },
    ...judgeRun(() => core, totals),
    hasOpenSteps: () => openSteps.size > 0,
    waits() {
      users += 1;
    },
    waited() {
      users -= 1;
      detach(endIfIdle());
    },
    opened(step) {
      openSteps.add(step);
      (parent ?? guard).opened(step);
    },
    closed(step) {
      openSteps.delete(step);
      (parent ?? guard).closed(step);
      detach(endIfIdle());
    },
    entered() {
      living += 1;
      parent?.entered();
    },
    gone() {
      living -= 1;
      if (living === 0) parts.onGone(core);
      parent?.gone();
    },
    run: undefined as never,
  };

  const run: Run = openRun(
    info,
    {
      signal: controller.signal,
      begin: (call, given) => beginStep(core, call, given),
      step: wholeStep(() => core),
      within: (fn) => within({ guard: guard.key, run, agent: info.agent }, fn),
      bind:
        (fn) =>
        (...args) =>
          run.within(() => fn(...args)),
      halt: (reason = 'the run was halted by a person') => core.halt({ cause: 'person', reason }),
      pause() {
        const goOn = deadline.pause();
        return () => {
          tree.replays.resumed();
          goOn();
        };
      },
      snapshot() {
        const stopped = core.haltError() ?? core.closedBy();
        if (stopped) throw stopped;
        if (endedAt !== null) throw new RunEndedError(id);
        if (parent) {
          const message = 'take it of the outermost run: a run inside another is a part of it';
          throw new InvalidOptionError('run.snapshot()', [{ path: '', message, value: id }]);
        }
        parts.onSnapshot(core);
        return snapshotOf({ core, elapsedMs: deadline.elapsedMs(), budgets, raised: raisedTo, totals });
      },
      loopState: () => judgeOf(tree).save(),
      report: () => reportOf({ info, totals, endedAt, durationMs: deadline.elapsedMs(), halt: halted ?? parent?.haltError()?.halt }),
      end() {
        if (!ending) for (const step of openSteps) step.giveUp();
        return finish();
      },
    },
    { core, halted: () => haltError?.halt, isEnded: () => endedAt !== null },
  );
  core.run = run;

  const latch = (halt: Halt): HaltError => tell(newHaltError(halt, { ...run.report(), halt }));

  /** The one error of the halt, which listeners and `lastHalt` hear of. */
  function tell(error: HaltError): HaltError {
    if (halted) return error;
    halted = error.halt;
    guard.remember(error, info);
    events.emit('run:halt', { run: info, halt: halted });
    return error;
  }

  function stopWith(error: HaltError): HaltError {
    haltError = error;
    controller.abort(error);
    return error;
  }

  const finish = (): Promise<void> => (ending ??= guard.finishing(over()));

  async function over(): Promise<void> {
    endedAt = clock.now();
    deadline.stop();
    stopListening();
    parts.onEnd(core);
    core.gone();
    await guard.ledger.flush();
    events.emit('run:end', { run: info, report: run.report() });
  }

  const endIfIdle = (): Promise<void> | undefined => (users === 0 && openSteps.size === 0 ? finish() : undefined);

  if (resumed?.raised) core.raise(resumed.raised);
  const restored = resumed && ownAccount && guard.ledger.restore(ownAccount, resumed.totals.used);
  if (isPromise(restored)) {
    const ready = plan;
    plan = Promise.resolve(restored)
      .then(() => ready)
      .then(planReady);
  }
  const stopListening = abortWith(controller, [parent?.signal, parts.signal]);
  parent?.entered();
  events.emit('run:start', { run: info });
  return {
    core,
    join() {
      users += 1;
    },
    async leave() {
      users -= 1;
      await endIfIdle();
    },
  };
}
