import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons';
import type { Run, RunBudgets, RunOptions } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { handlerRun } from './guard-callback-handler.ts';
import { settingsOf } from './model-call.ts';
import { detached } from './detached.ts';

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
  /** `isNewInput`: whether a person's message is what the model is to answer. */
  runOf(runtime: MiddlewareRuntime, isNewInput: boolean): Run;
  /** A hook is over; `isLast` when nothing is to follow it. */
  rest(run: Run, isLast: boolean): void;
}

interface OwnRun {
  readonly run: Run;
  readonly invocation: object;
  readonly thread: string | undefined;
  /** How many hooks of it are at work. */
  working: number;
  timer: NodeJS.Timeout | undefined;
  isLanding: boolean;
}

/** The agent may go on after an answer: another middleware may send it back to the model. */
const REST_AFTER_ANSWER_MS = 1_000;
/** A run that nothing is heard of for so long was abandoned, or waits for a person who did not come. */
const REST_MAX_MS = 15 * 60_000;

/**
 * The runs of one middleware. The run around it is taken where there is one: of `guard.run`, of a guarded agent, of the
 * guard's callback handler. Otherwise each invocation of the agent is a run of its own. LangChain tells a middleware's
 * `wrap` hooks of no invocation's end (and the hooks that see it cost a step of the graph), so such a run ends a moment
 * after the model's answer, or when nothing is heard of it.
 */
export function middlewareRuns(guard: AnyGuard, options: MiddlewareRunOptions): MiddlewareRuns {
  const byInvocation = new WeakMap<object, OwnRun>();
  const byThread = new Map<string, OwnRun>();
  const byRun = new WeakMap<Run, OwnRun>();

  const end = (own: OwnRun): void => {
    clearTimeout(own.timer);
    if (own.thread !== undefined && byThread.get(own.thread) === own) byThread.delete(own.thread);
    detached(own.run.end());
  };

  function restFor(own: OwnRun, ms: number): void {
    clearTimeout(own.timer);
    own.isLanding = ms === REST_AFTER_ANSWER_MS;
    own.timer = setTimeout(() => (own.working > 0 ? own.timer?.refresh() : end(own)), ms).unref();
  }

  /** A hook is at work again: the run is not over, even if it seemed so. */
  function wake(own: OwnRun): void {
    own.working += 1;
    if (own.isLanding) restFor(own, REST_MAX_MS);
  }

  function startOwn(invocation: object, config: MiddlewareConfig, parent: Run | undefined, isNewInput: boolean): Run {
    const thread = threadOf(config);
    const waiting = thread === undefined ? undefined : byThread.get(thread);
    if (waiting && !parent && !isNewInput && !waiting.run.isEnded) {
      // The thread goes on where it was interrupted.
      byInvocation.set(invocation, waiting);
      wake(waiting);
      return waiting.run;
    }
    if (waiting && !parent && waiting.working === 0) end(waiting);
    const run = guard.start({
      scopes: { ...guard.scopesOf(config), ...options.scopes?.(config) },
      agent: options.agent ?? 'agent',
      ...(options.budgets ? { budgets: options.budgets } : {}),
      ...(parent ? { parent } : {}),
    });
    const own: OwnRun = { run, invocation, thread: parent ? undefined : thread, working: 1, timer: undefined, isLanding: false };
    restFor(own, REST_MAX_MS);
    byInvocation.set(invocation, own);
    byRun.set(run, own);
    if (own.thread !== undefined) byThread.set(own.thread, own);
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
      const own = byInvocation.get(invocation);
      if (own && !own.run.isEnded) {
        wake(own);
        return own.run;
      }
      return startOwn(invocation, configOf(config, runtime), around?.run, isNewInput);
    },
    rest(run, isLast) {
      const own = byRun.get(run);
      if (!own || run.isEnded) return;
      own.working -= 1;
      if (isLast) restFor(own, REST_AFTER_ANSWER_MS);
      else own.timer?.refresh();
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

const threadOf = ({ configurable }: MiddlewareConfig): string | undefined => {
  const thread = configurable['thread_id'];
  return typeof thread === 'string' || typeof thread === 'number' ? String(thread) : undefined;
};
