import type { Run, RunBudgets, RunOptions } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { handlersIn, parentRunIdIn } from './callbacks.ts';
import { isPause } from './host-errors.ts';
import { MeteringHandler, type LangChainRun, type RunFinder } from './metering-handler.ts';
import { settingsOf } from './model-call.ts';
import { isResumeInput, pausedRuns } from './paused-runs.ts';
import { threadIdIn } from './saved-runs.ts';
import { runTreeOf, type RootRun } from './run-tree.ts';

export interface GuardCallbackHandlerOptions {
  /** Scope ids beside those that are found in the metadata (`session_id` or `thread_id`, `user_id`, `tenant_id`, `feature`). They win. */
  readonly scopes?: RunOptions<string>['scopes'];
  /** Limits of each run that the handler starts; they only tighten the guard's. */
  readonly budgets?: RunBudgets<string>;
}

/**
 * It can only stop a run: it meters every model and tool call that LangChain tells callbacks of, and refuses the next one
 * when a budget or a detector says so; it cannot change a call, answer in its place or end the run gracefully.
 *
 * Each root run of LangChain's is a run of the guard, unless `guard.run` or a guarded agent is around it. One handler may
 * serve any number of runs at once. A refused model call rejects the run. Hosts swallow what is thrown at a tool: the tool
 * is not run, and the next model call is refused. Where a host's catch-all hides the error, `guard.lastHalt(config)` has it.
 *
 * @example
 * await executor.invoke({ input }, { callbacks: [new GuardCallbackHandler(guard)], metadata: { session_id, user_id } });
 */
export class GuardCallbackHandler extends MeteringHandler {
  override name = 'holdfast_guard';

  constructor(guard: AnyGuard, options: GuardCallbackHandlerOptions = {}) {
    super(guard, runsOfRoots(guard, options));
  }

  /** Whether this handler works for a guard. */
  isOf(guard: AnyGuard): boolean {
    return this.guard === guard;
  }
}

/** The run of a call, found through the guard's handler in its callbacks: for where the ambient context was lost or never was. */
export function handlerRun(guard: AnyGuard, callbacks: unknown): Run | undefined {
  const isSeen = handlersIn(callbacks).some((each) => each instanceof GuardCallbackHandler && each.isOf(guard));
  return isSeen ? runTreeOf(guard).runOf(parentRunIdIn(callbacks)) : undefined;
}

function runsOfRoots(guard: AnyGuard, { scopes, budgets }: GuardCallbackHandlerOptions): RunFinder {
  const tree = runTreeOf(guard);
  const start = ({ metadata, name, input }: LangChainRun): RootRun => {
    const around = guard.current();
    const thread = threadIdIn(metadata);
    if (around) return { run: around.run, isOwn: false, thread: undefined };
    const ids = { ...guard.scopesOf({ metadata: settingsOf(metadata) }), ...scopes };
    const isResumed = isResumeInput(resumedInput(input));
    const waiting = thread === undefined ? undefined : pausedRuns(guard).take(thread, ids.tenant, isResumed);
    const run =
      waiting ??
      guard.start({
        scopes: ids,
        ...(budgets ? { budgets } : {}),
        ...(name === undefined ? {} : { agent: name }),
      });
    return { run, isOwn: true, thread };
  };
  return {
    enter(event) {
      const run = tree.enter(event.runId, event.parentRunId, () => start(event));
      // A guarded agent inside a tool works in a run of its own, which only the ambient context knows.
      return guard.current()?.run ?? run;
    },
    leave(runId, error) {
      if (isPause(error)) tree.interrupted(runId);
      const ended = tree.leave(runId);
      if (!ended) return undefined;
      if (!ended.isInterrupted || ended.thread === undefined) return ended.run.end();
      pausedRuns(guard).add(ended.thread, ended.run);
      return undefined;
    },
    find: (runId) => guard.current()?.run ?? tree.runOf(runId),
  };
}

/** LangGraph tells callbacks of `null` and of a command as `{ input }`. */
const resumedInput = (input: unknown): unknown => {
  const fields = settingsOf(input);
  return 'input' in fields && Object.keys(fields).length === 1 ? fields['input'] : input;
};
