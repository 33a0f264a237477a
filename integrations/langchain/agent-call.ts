import { mergeConfigs, type RunnableConfig } from '@langchain/core/runnables';
import type { BaseMessage, ToolMessage } from '@langchain/core/messages';
import type { HaltError, Run, RunBudgets, RunOptions } from 'holdfast';
import { messagesIn, type AgentKind } from './agent-kind.ts';
import type { AnyGuard } from './any-guard.ts';
import { haltFeltIn } from './felt-halts.ts';
import { resultsMissingAtEnd } from './gaps.ts';
import { gracefulSignal } from './graceful-signal.ts';
import { handlerRun } from './guard-callback-handler.ts';
import { haltAnswer, isAnswered } from './halt-answers.ts';
import { isGraphBubbleUp, isMiddlewareError, isPause } from './host-errors.ts';
import { hasInterrupt, waitsUnseen, type Threaded } from './interrupts.ts';
import { MeteringHandler } from './metering-handler.ts';
import { thrownOn } from './middleware-host.ts';
import { settingsOf } from './model-call.ts';
import { isResumeInput, pausedRuns } from './paused-runs.ts';
import { resumedRun } from './resumed-run.ts';
import { isNewest, saveRun, threadIdIn, threadIn, type Thread } from './saved-runs.ts';

export interface GuardAgentOptions {
  /** Scope ids beside those that are found in the config of a call (`configurable`, `context`, `metadata`). They win. */
  readonly scopes?: (config: RunnableConfig) => RunOptions<string>['scopes'];
  /** Limits of each run; they only tighten the guard's. */
  readonly budgets?: RunBudgets<string>;
  /** The agent's name in reports. Default: its own. */
  readonly agent?: string;
  /** Puts the fallback's answer into the shape in which the agent answers. Default: by the kind of the agent. */
  readonly answer?: (output: unknown, input: unknown) => unknown;
}

/** What all calls of one guarded agent share. */
export interface GuardedAgent {
  readonly guard: AnyGuard;
  /** What is really called. */
  readonly target: object;
  readonly kind: AgentKind;
  readonly name: string;
  readonly options: GuardAgentOptions;
}

/** One call of a guarded agent. */
export interface AgentCall {
  readonly run: Run;
  readonly config: RunnableConfig;
  readonly input: unknown;
  /** Runs a part of the call in the run's context. */
  within<T>(fn: () => T): T;
  /** Takes a result or a piece of a stream, to see whether it tells of an interrupt. */
  saw(output: unknown): void;
  /** Whether a step is open, or one was done since this was asked before. */
  isAtWork(): boolean;
  /** The agent has ended by itself. Gives the error of a halt that it swallowed. */
  ended(): HaltError | undefined;
  /** The fallback's answer, or the error to throw. */
  failed(error: unknown): Promise<{ readonly output: unknown } | { readonly error: unknown }>;
  close(): Promise<void>;
}

/** Begins a call: finds or starts its run, closes what an abort left open in the thread, and prepares the config. */
export async function openCall(agent: GuardedAgent, input: unknown, config: RunnableConfig | undefined): Promise<AgentCall> {
  const { guard, name } = agent;
  const given = config ?? {};
  const thread = threadIn((agent.target as Partial<Threaded>).checkpointer, given.configurable);
  const { run, isOwn, place } = await seatFor(agent, given, input, thread);
  const within = <T>(fn: () => T): T => guard.within(run, name, fn);
  const { signal, stop } = gracefulSignal(run, agent.kind.name === 'createAgent');
  const handler = new MeteringHandler(guard, { enter: () => guard.current()?.run ?? run, find: () => guard.current()?.run ?? run });
  let isInterrupted = false;
  let hasEnded = false;
  let stepsSeen: number | undefined;
  let closing: Promise<void> | undefined;
  const isRetryable = isOwn && run.parentId === undefined && thread !== undefined && isResumeInput(input);
  return {
    run,
    within,
    config: mergeConfigs(given, { callbacks: [handler], signal }) as RunnableConfig,
    input: await within(() => withoutGap(agent, input, given)),
    saw(output) {
      isInterrupted ||= hasInterrupt(output);
    },
    isAtWork() {
      const before = stepsSeen;
      stepsSeen = run.report().used.steps;
      return handler.hasOpenSteps || stepsSeen !== before;
    },
    ended() {
      hasEnded = true;
      return isAnswered(run) ? undefined : haltFeltIn(run);
    },
    async failed(error) {
      if (isGraphBubbleUp(error)) {
        isInterrupted ||= isPause(error);
        return { error };
      }
      const stopped = run.haltError;
      // What was taken up and failed can be taken up again from the same checkpoint, and is the same run then.
      isInterrupted ||= isRetryable && !stopped;
      if (!stopped) return { error: withoutLayer(error) };
      return (await haltAnswer(guard, run)) ?? { error: stopped };
    },
    close: () => (closing ??= close()),
  };

  async function close(): Promise<void> {
    stop();
    if (!isOwn) return;
    if (!isInterrupted && thread) isInterrupted = await waitsUnseen(agent.target, thread, given, hasEnded);
    if (!isInterrupted || place === undefined || run.haltError || run.isEnded) return run.end();
    pausedRuns(guard).add(place, run);
    if (thread && run.parentId === undefined) await saveRun(thread, run).catch(() => {});
  }
}

interface Seat {
  readonly run: Run;
  /** Whether the run ends with the call. */
  readonly isOwn: boolean;
  /** Where it waits, should it be interrupted. */
  readonly place: string | undefined;
}

async function seatFor(
  { guard, name, options }: GuardedAgent,
  config: RunnableConfig,
  input: unknown,
  thread: Thread | undefined,
): Promise<Seat> {
  const around = guard.current();
  // Within `guard.run` the agent takes that run; within another agent it is a run of its own, inside that one.
  if (around && around.agent === undefined && !around.run.isEnded) return { run: around.run, isOwn: false, place: undefined };
  const scopes = { ...guard.scopesOf(config), ...options.scopes?.(config) };
  const outer = around?.run ?? handlerRun(guard, config.callbacks);
  const parent = outer && !outer.isEnded ? outer : undefined;
  const place = placeOf(config, name, parent);
  // A fork of an older checkpoint, which the caller names, is a run of its own.
  const isResumed = isResumeInput(input) && (await isNewest(thread, config.configurable?.['checkpoint_id']));
  const here =
    place === undefined ? undefined : pausedRuns(guard).take(place, parent?.tenant ?? scopes.tenant, parent !== undefined || isResumed);
  if (parent) return { run: here ?? guard.start({ ...startOptions(), parent }), isOwn: true, place };
  const waiting = isResumed ? await resumedRun(guard, here, thread, scopes.tenant) : undefined;
  return { run: waiting ?? guard.start(startOptions()), isOwn: true, place };

  function startOptions(): RunOptions<string> {
    return { scopes, agent: name, ...(options.budgets ? { budgets: options.budgets } : {}) };
  }
}

/**
 * Where a run waits: the thread of its agent; inside another run also the node that calls it, for a node that is run again
 * from its checkpoint calls the same agent again.
 */
const placeOf = ({ configurable }: RunnableConfig, name: string, parent: Run | undefined): string | undefined => {
  const thread = threadIdIn(configurable);
  if (thread === undefined) return undefined;
  return parent ? `${name}:${thread}:${String(settingsOf(configurable)['checkpoint_ns'])}:${parent.id}` : `${name}:${thread}`;
};

/** `createAgent` puts a layer around what a middleware throws; the guard's own one is taken off, for unguarded there is none. */
function withoutLayer(error: unknown): unknown {
  if (!isMiddlewareError(error)) return error;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && thrownOn.has(cause) ? cause : error;
}

/** The input, with a result before it for each tool call that an abort left without one at the end of the thread. */
async function withoutGap({ target }: GuardedAgent, input: unknown, config: RunnableConfig): Promise<unknown> {
  const { checkpointer, getState } = target as Partial<Threaded>;
  const messages = messagesIn(input);
  if (!checkpointer || !getState || messages.length === 0 || config.configurable?.['thread_id'] === undefined) return input;
  const missing = await resultsMissing(target as Threaded, messages, config);
  if (missing.length === 0) return input;
  return Array.isArray(input) ? [...missing, ...messages] : { ...settingsOf(input), messages: [...missing, ...messages] };
}

async function resultsMissing(target: Threaded, messages: readonly unknown[], config: RunnableConfig): Promise<ToolMessage[]> {
  try {
    const { values } = await target.getState(config);
    return resultsMissingAtEnd(messagesIn(values) as BaseMessage[], messages);
  } catch {
    // A thread that cannot be read is the host's to report, when it reads it itself.
    return [];
  }
}
