import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons';
import type { Run, RunBudgets, RunOptions } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { handlerRun } from './guard-callback-handler.ts';
import { settingsOf } from './model-call.ts';
import { detached } from './detached.ts';
import { Places } from './places.ts';
import { resumedRun } from './resumed-run.ts';
import { saveRun, threadIdIn, threadIn, type Thread } from './saved-runs.ts';

/** The part of a middleware's runtime that names the invocation and the scopes it works for. */
export interface MiddlewareRuntime {
  readonly configurable?: unknown;
  readonly context?: unknown;
  readonly writer?: unknown;
}

export interface MiddlewareRunOptions {
  readonly scopes?: ((config: MiddlewareConfig) => RunOptions<string>['scopes']) | undefined;
  readonly budgets?: RunBudgets<string> | undefined;
  readonly agent?: string | undefined;
}

/** What scope ids are read from: the `configurable`, the `context` and the `metadata` of the invocation. */
export interface MiddlewareConfig {
  readonly configurable: Readonly<Record<string, unknown>>;
  readonly context: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Finds the run of a middleware's hook, and ends the runs that nobody else ends. */
export interface MiddlewareRuns {
  /**
   * `isNewInput`: whether a person's message is what the model is to answer. A promise where a thread goes on that another
   * process left.
   */
  runOf(runtime: MiddlewareRuntime, isNewInput: boolean): Run | Promise<Run>;
  /** A hook is over; `then` says what is to follow it. A promise where the run must be left in its checkpoint first. */
  rest(run: Run, then: Afterwards): Promise<void> | undefined;
}

/** What follows a hook: further ones, nothing, or nothing until a person has answered. */
export type Afterwards = 'more' | 'end' | 'wait';

interface OwnRun {
  readonly run: Run;
  readonly invocation: object;
  readonly thread: string | undefined;
  /** How many hooks of it are at work. */
  working: number;
  timer: NodeJS.Timeout | undefined;
  /** How long it may be silent. */
  restMs: number;
  /** Whether a hook was at work since the timer was set. */
  wasHeard: boolean;
  /** The checkpoint at which a hook of it waits for a person. */
  waitsAt: Thread | undefined;
  isWaiting: boolean;
  /** Lets its time go on. */
  goOn: (() => void) | undefined;
}

/** The agent may go on after an answer: another middleware may send it back to the model. */
const REST_AFTER_ANSWER_MS = 1_000;
/** A run that nothing is heard of for so long was abandoned, or waits for a person who did not come. It may last up to twice as long. */
const REST_MAX_MS = 15 * 60_000;

/**
 * The runs of one middleware. The run around it is taken where there is one: of `guard.run`, of a guarded agent, of the
 * guard's callback handler. Otherwise each invocation of the agent is a run of its own. LangChain tells a middleware's
 * `wrap` hooks of no invocation's end (and the hooks that see it cost a step of the graph), so such a run ends a moment
 * after the model's answer, or when nothing is heard of it.
 */
export function middlewareRuns(guard: AnyGuard, options: MiddlewareRunOptions): MiddlewareRuns {
  const byInvocation = new WeakMap<object, OwnRun>();
  const byThread = new Places<OwnRun>();
  const byRun = new WeakMap<Run, OwnRun>();
  const byResumption = new WeakMap<object, Promise<Run>>();

  const end = (own: OwnRun): void => {
    clearTimeout(own.timer);
    if (own.thread !== undefined) byThread.delete(own.thread, own);
    detached(own.run.end());
  };

  function restFor(own: OwnRun, ms: number): void {
    clearTimeout(own.timer);
    own.restMs = ms;
    lookLater(own);
  }

  /** Ends a run that was silent all the time. Hooks only leave a mark: to set the timer anew at each costs more than the rest of them. */
  function lookLater(own: OwnRun): void {
    own.wasHeard = false;
    own.timer = setTimeout(() => (own.working > 0 || own.wasHeard ? lookLater(own) : end(own)), own.restMs).unref();
  }

  /** A hook is at work again: the run is not over, even if it seemed so. */
  function wake(own: OwnRun): void {
    own.working += 1;
    own.isWaiting = false;
    own.goOn?.();
    own.goOn = undefined;
    if (own.restMs === REST_AFTER_ANSWER_MS) restFor(own, REST_MAX_MS);
  }

  function startOwn(invocation: object, config: MiddlewareConfig, parent: Run | undefined, isNewInput: boolean): Run | Promise<Run> {
    const thread = threadIdIn(config.configurable);
    const given = startOptions(config);
    const waiting = thread === undefined || parent ? undefined : byThread.find(thread, given.scopes?.tenant);
    const isResumed = config.configurable['__pregel_resuming'] === true || (waiting !== undefined && !isNewInput);
    if (!isResumed || parent) {
      if (waiting?.working === 0) end(waiting);
      return own(guard.start({ ...given, ...(parent ? { parent } : {}) }), invocation, parent ? undefined : thread);
    }
    // The thread goes on where it was interrupted. Whoever comes second finds it gone, and in its checkpoint that it goes on.
    if (waiting && thread !== undefined) byThread.delete(thread, waiting);
    const place = threadIn(config.configurable['__pregel_checkpointer'], config.configurable);
    const resuming = resumedRun(guard, waiting?.run, place, given.scopes?.tenant).then((run) => {
      if (run && run === waiting?.run) {
        byInvocation.set(invocation, waiting);
        if (thread !== undefined) byThread.set(thread, waiting);
        wake(waiting);
        return run;
      }
      return own(run ?? guard.start(given), invocation, thread);
    });
    byResumption.set(invocation, resuming);
    return resuming;
  }

  const startOptions = (config: MiddlewareConfig): RunOptions<string> => ({
    scopes: { ...guard.scopesOf(config), ...options.scopes?.(config) },
    agent: options.agent ?? 'agent',
    ...(options.budgets ? { budgets: options.budgets } : {}),
  });

  function own(run: Run, invocation: object, thread: string | undefined): Run {
    const started: OwnRun = {
      run,
      invocation,
      thread,
      working: 1,
      timer: undefined,
      restMs: REST_MAX_MS,
      wasHeard: false,
      waitsAt: undefined,
      isWaiting: false,
      goOn: undefined,
    };
    restFor(started, REST_MAX_MS);
    byInvocation.set(invocation, started);
    byRun.set(run, started);
    if (thread !== undefined) byThread.set(thread, started);
    return run;
  }

  return {
    runOf(runtime, isNewInput) {
      const around = guard.current();
      const isSubAgent = around?.step?.call.kind === 'tool';
      if (around && !isSubAgent) return around.run;
      const config = AsyncLocalStorageProviderSingleton.getRunnableConfig() ?? {};
      if (!around) {
        const seen = handlerRun(guard, config.callbacks);
        if (seen && !seen.isEnded) return seen;
      }
      const invocation = invocationOf(config, runtime);
      const known = byInvocation.get(invocation);
      if (known && !known.run.isEnded) {
        wake(known);
        return known.run;
      }
      const resuming = byResumption.get(invocation);
      // Tools that run at the same time are resumed together.
      if (resuming && !known) return resuming.then(() => this.runOf(runtime, isNewInput));
      return startOwn(invocation, configOf(config, runtime), around?.run, isNewInput);
    },
    rest(run, then) {
      const known = byRun.get(run);
      if (!known || run.isEnded) return undefined;
      known.working -= 1;
      if (then === 'end') restFor(known, REST_AFTER_ANSWER_MS);
      else known.wasHeard = true;
      if (then === 'wait') {
        const { configurable } = settingsOf(AsyncLocalStorageProviderSingleton.getRunnableConfig());
        known.isWaiting = true;
        known.waitsAt = threadIn(settingsOf(configurable)['__pregel_checkpointer'], configurable);
      }
      // Others of the same round may still be at work: their steps are in the checkpoint then, and must be in the run's state.
      if (!known.isWaiting || known.working > 0) return undefined;
      known.goOn ??= run.pause();
      return known.waitsAt && saveRun(known.waitsAt, run).catch(() => {});
    },
  };
}

/** What is one and the same in all of an invocation: LangGraph's run control, or the writer in older versions. */
function invocationOf(config: object, { writer }: MiddlewareRuntime): object {
  const { control } = config as { control?: unknown };
  const mark = control ?? writer;
  return (typeof mark === 'object' && mark !== null) || typeof mark === 'function' ? mark : config;
}

const configOf = (config: { metadata?: unknown; configurable?: unknown }, runtime: MiddlewareRuntime): MiddlewareConfig => ({
  configurable: settingsOf(runtime.configurable ?? config.configurable),
  context: runtime.context,
  metadata: settingsOf(config.metadata),
});
