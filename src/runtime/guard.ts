import type { Limits } from '../core/budget.ts';
import { Crowd, type Member } from '../core/crowd.ts';
import { durationMs } from '../core/duration.ts';
import { InvalidOptionError, type HaltError } from '../core/errors.ts';
import type { Halt } from '../core/halt.ts';
import { createMeter } from '../meter/create-meter.ts';
import type { BilledRatio } from '../meter/meter.ts';
import { memoryStore } from '../stores/memory-store.ts';
import { createAccounts } from './accounts.ts';
import { accountsView, type AccountReading, type AdjustOptions, type ListOptions } from './accounts-view.ts';
import { within } from './ambient.ts';
import { createStandings } from './climb/standings.ts';
import { systemClock } from './clock.ts';
import { createEvents, type EventName, type LaterEvents, type Listener } from './events.ts';
import { askFallback, type FallbackAnswer } from './fallback.ts';
import { createGate } from './gate.ts';
import { heartbeat } from './heartbeat.ts';
import { isAsyncIterable, streamWithin } from './iterable.ts';
import { createLedger } from './ledger.ts';
import { guardOptions, type Concurrency, type GuardOptions, type RunOptions } from './options.ts';
import type { OpenStep } from './open-step.ts';
import { warnOfManyProcesses } from './many-processes.ts';
import { recentHalts } from './recent-halts.ts';
import { resumableRuns } from './resumable-runs.ts';
import type { Run } from './run.ts';
import type { GuardCore, RunCore } from './run-core.ts';
import { runStarter } from './run-starter.ts';
import { detach, withinTime } from './time-limit.ts';
import { scopesFromConfig, type ConfigLike } from './scope-keys.ts';
import type { Step } from './step.ts';
import { parseOptions } from './validation.ts';

/** What surrounds the caller in the eyes of one guard. */
export interface Current {
  readonly run: Run;
  /** Set once an agent has taken the run: a further guarded agent inside is a run of its own. */
  readonly agent: string | undefined;
  /** The open step whose work the caller is a part of. */
  readonly step: Step | undefined;
  /** What the door that put the step or the agent around the caller tells the doors inside it (`step.within(fn, mark)`). */
  readonly mark: unknown;
}

/**
 * Configured once, shared, long-lived. `S` are the scopes of the user's own, `A` is what the fallback answers.
 */
export interface Guard<S extends string = never, A = never> {
  /**
   * Runs `fn` as one guarded run. Rejects with the run's own error when it is halted and there is no fallback.
   * Inside another run of this guard it is a child run, which draws on that one's budget. A stream that `fn` returns
   * stays in the run until it ends.
   *
   * @example await guard.run({ scopes: { user: 'u1' }, budgets: { run: { usd: 0.05 } } }, (run) => agent.invoke(messages, { signal: run.signal }))
   */
  run<T>(options: RunOptions<S>, fn: (run: Run) => T): Promise<Awaited<T> | A>;
  run<T>(fn: (run: Run) => T): Promise<Awaited<T> | A>;
  /** A run that is held open by hand; end it with `run.end()`, or take it with `await using`. */
  start(options?: RunOptions<S>): Run;
  /** The run around the caller, or undefined outside of runs. */
  current(): Current | undefined;
  /** Runs `fn` in a run's context, as the work of the agent of that name. `mark` is for doors, as that of a step. */
  within<T>(run: Run, agent: string, fn: () => T, mark?: unknown): T;
  /** Listens to an event; the returned function stops it. A listener that throws never harms a run. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void;
  /**
   * The same events, handed over many at a time: for listeners with work to do at every step, such as logs and metrics. An event waits
   * a tenth of a second at most, and is dropped never. Whoever reads what a listener has gathered calls `later.flush()` first.
   *
   * @example const stop = guard.later.on('step:end', ({ run, step }, at) => rows.push([at, run.id, step.name, step.used.usd]));
   */
  readonly later: LaterEvents;
  /** What an account has used, holds and has left. */
  read(scope: S | keyof RunScopes, id?: string, options?: { tenant?: string }): Promise<AccountReading>;
  /** Gives an account other limits, for a time or for good, also while runs are alive; `null` takes that back. */
  adjust(scope: S | keyof RunScopes, id: string, limits: Limits | null, options?: AdjustOptions): Promise<AccountReading>;
  /** The accounts with the largest spend. */
  list(options?: ListOptions): Promise<AccountReading[]>;
  /** Forgets an account: what it used is gone from the store. */
  erase(scope: S | keyof RunScopes, id: string, options?: { tenant?: string }): Promise<void>;
  /** What bills taught about counts: billed input tokens for one counted token, per model and kind of content. For metrics. */
  billedRatios(): readonly BilledRatio[];
  /** The newest halt of a run that worked for these ids, given as scopes or as a host's config: for hosts that swallow errors. */
  lastHalt(of?: ConfigLike | Readonly<Record<string, string | undefined>>): HaltError | undefined;
  /** The scope ids in a host's config. */
  scopesOf(config: ConfigLike | undefined): Record<string, string>;
  /** The fallback's answer for a halted run, or undefined where it has none: for doors. */
  answer(run: Run): Promise<FallbackAnswer>;
  /** Ends all runs, waits until everything is written, and closes what the store opened itself. */
  close(): Promise<void>;
}

interface RunScopes {
  global: true;
  tenant: true;
  user: true;
  feature: true;
  session: true;
  run: true;
}

/**
 * Makes a guard.
 *
 * @throws InvalidOptionError that names every option that cannot be used, its value and the remedy
 * @example
 * const guard = createGuard({ budgets: { run: { usd: 0.5, steps: 60, duration: '2m' }, user: { usd: 5, window: 'day' } } });
 */
export function createGuard<S extends string = never, A = never>(
  options: GuardOptions<S> & { readonly fallback?: ((halt: Halt, run: Run) => A | Promise<A>) | undefined } = {},
): Guard<S, A> {
  const checked = parseOptions('options of createGuard', guardOptions, options);
  const clock = checked.clock ?? systemClock;
  const events = createEvents(clock.now);
  const store = checked.store ?? memoryStore({ now: clock.now });
  if (store.inProcess && !store.perProcess) warnOfManyProcesses(Object.keys(checked.budgets));
  const local = store.inProcess ? store : memoryStore({ now: clock.now });
  const accounts = createAccounts(checked, clock, events);
  const storeTimeoutMs = durationMs(checked.storeTimeout);
  const ledger = createLedger({ store, local, clock, events, storeTimeoutMs });
  const meter = createMeter(checked, { now: clock.now, onProblem: (error) => events.emit('hook:error', { hook: 'meter', error }) });
  const halts = recentHalts();
  const live = new Map<string, RunCore>();
  const resumable = resumableRuns();
  const openSteps = new Crowd<OpenStep>();
  const ending = new Crowd<Member & { readonly promise: Promise<void> }>();
  const holdTtlMs = durationMs(checked.holdTtl);
  const beat = heartbeat(openSteps, clock, holdTtlMs);
  const view = accountsView({ store, local, accounts, clock, storeTimeoutMs });

  const core: GuardCore = {
    key: {},
    options: checked,
    clock,
    events,
    meter,
    accounts,
    ledger,
    standings: createStandings(store, local, clock.now),
    gate: createGate((checked.concurrency as Concurrency).guard),
    holdTtlMs,
    toolPolicy: (name) => checked.tools?.[name],
    opened(step) {
      openSteps.add(step);
      beat.start();
    },
    closed: (step) => openSteps.delete(step),
    openSteps: () => openSteps.all(),
    finishing(promise) {
      const entry = { place: -1, promise: promise.finally(() => ending.delete(entry)) };
      ending.add(entry);
      return entry.promise;
    },
    remember: halts.add,
    runEnded(run) {
      live.delete(run.info.id);
      resumable.ended(run.info.id, run.tree.nextStep, run.haltError() !== undefined);
    },
    runGone({ info, runRefs }) {
      if (live.has(info.id)) return;
      // A run's account is of no use after it; its report says what was spent.
      for (const { tenant, scope, id } of runRefs) if (id === info.id) detach(local.erase({ tenant, scope, id }));
    },
    snapshotTaken: ({ info, tree }) => resumable.reached(info.id, tree.nextStep),
  };

  const starter = runStarter<S>(core, live, resumable);

  async function run<T>(first: RunOptions<S> | ((run: Run) => T), second?: (run: Run) => T): Promise<Awaited<T> | A> {
    const [given, fn] = typeof first === 'function' ? [{}, first] : [first, second];
    if (typeof fn !== 'function')
      throw new InvalidOptionError('arguments of guard.run', [{ path: 'fn', message: 'expected a function of the run', value: fn }]);
    const started = starter.start(given);
    const { run: current } = started;
    try {
      const result = await current.within(() => fn(current));
      if (!isAsyncIterable(result)) {
        await started.leave();
        return result;
      }
      return streamWithin(result, {
        clock,
        within: (inner) => current.within(inner),
        translate: (error) => current.haltError ?? error,
        onEnd: () => void started.leave(),
      });
    } catch (error) {
      // A host may have wrapped the error, or put one of its own in its place: the caller gets the instance.
      const stopped = current.haltError;
      const answer = stopped && current.halted ? await askFallback(checked.fallback, stopped, current, clock, events) : undefined;
      await started.leave();
      if (answer) return answer.output as A;
      throw stopped ?? error;
    }
  }

  return {
    run,
    start: (given) => starter.start(given).run,
    current() {
      const around = starter.around();
      return around && { run: around.run, agent: around.agent, step: around.step?.step, mark: around.mark };
    },
    within: (inner, agent, fn, mark) => within({ guard: core.key, run: inner, agent, mark }, fn),
    on: (event, listener) => events.on(event, listener),
    later: events.later,
    ...view,
    billedRatios: () => meter.billedRatios(),
    lastHalt(of = {}) {
      const isConfig = ['configurable', 'metadata', 'context'].some((key) => typeof (of as Record<string, unknown>)[key] === 'object');
      return halts.find(isConfig ? scopesFromConfig(of, accounts.names) : definedOnly(of as Record<string, string | undefined>));
    },
    scopesOf: (config) => scopesFromConfig(config, accounts.names),
    answer: async (of) => (of.haltError ? askFallback(checked.fallback, of.haltError, of, clock, events) : undefined),
    async close() {
      for (const open of [...live.values()].toReversed()) await open.end();
      beat.stop();
      await Promise.all(ending.all().map(({ promise }) => promise));
      await ledger.flush();
      await ledger.close();
      events.later.flush();
      if (store.close) await withinTime('store.close', store.close(), storeTimeoutMs, clock);
    },
  };
}

const definedOnly = (scopes: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(scopes).filter((entry): entry is [string, string] => entry[1] !== undefined));
