import { BaseCallbackHandler, type NewTokenIndices } from '@langchain/core/callbacks/base';
import type { BaseMessage } from '@langchain/core/messages';
import type { LLMResult } from '@langchain/core/outputs';
import type { Call, Run, Step } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import { attemptAround, type AttemptWatch } from './attempt-context.ts';
import { guardClaims, type Claims } from './claims.ts';
import { chatModelEvent, textModelEvent, toolEvent, type ModelEvent } from './event-calls.ts';
import { feltHalt } from './felt-halts.ts';
import { agentIn, replayKey } from './graph-node.ts';
import { isGraphBubbleUp, isParentCommand } from './host-errors.ts';
import { settingsOf } from './model-call.ts';
import { modelResult, toolResult } from './step-result.ts';
import { eventPieces, tokenPieces } from './stream-pieces.ts';
import { usageReport } from './usage-report.ts';

/** A run of LangChain's as its start event tells of it. */
export interface LangChainRun {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly name?: string | undefined;
  readonly metadata?: unknown;
  readonly input?: unknown;
}

/** Finds the guard's run that an event of LangChain belongs to. */
export interface RunFinder {
  /** Called at each start. */
  enter(event: LangChainRun): Run | undefined;
  /** Called at each end; `error` where it failed. A promise where a run of the guard ends with it. */
  leave?(runId: string, error?: unknown): Promise<void> | undefined;
  /** The run of an event that has started. */
  find(runId: string): Run | undefined;
}

interface Metered {
  readonly step: Step;
  readonly watch: AttemptWatch | undefined;
}

const OPEN_MAX = 10_000;

/** One for all events that leave nothing to wait for: LangChain awaits what a handler returns, and each promise costs it a turn. */
const done = Promise.resolve();

/**
 * Turns LangChain's callback events into steps: a start is `begin`, a new token is `stream`, an end is `end`, an error is
 * `fail`. It meters and vetoes; what it throws reaches the caller, for it asks LangChain to raise and to wait.
 */
export class MeteringHandler extends BaseCallbackHandler {
  name = 'holdfast';
  protected readonly guard: AnyGuard;
  readonly #runs: RunFinder;
  readonly #claims: Claims;
  readonly #open = new Map<string, Metered>();

  constructor(guard: AnyGuard, runs: RunFinder) {
    // Only through `super` does it set `awaitHandlers` too: as a field alone, a veto would come too late.
    super({ raiseError: true, ignoreChain: runs.leave === undefined, ignoreRetriever: true, ignoreCustomEvent: true });
    this.guard = guard;
    this.#runs = runs;
    this.#claims = guardClaims(guard);
  }

  /** Whether a call that this handler meters is under way. */
  get hasOpenSteps(): boolean {
    return [...this.#open.values()].some(({ step }) => step.isOpen);
  }

  // LangChain copies handlers for nested runs; the state of this one must stay one.
  override copy(): this {
    return this;
  }

  override handleChatModelStart(
    serialized: unknown,
    messages: BaseMessage[][],
    runId: string,
    parentRunId?: string,
    extraParams?: Record<string, unknown>,
    _tags?: string[],
    metadata?: Record<string, unknown>,
    runName?: string,
  ): Promise<void> {
    const event: ModelEvent = { serialized, extraParams, metadata, runName };
    return this.#begin({ runId, parentRunId, metadata, name: runName }, () => chatModelEvent(event, messages[0] ?? []));
  }

  override handleLLMStart(
    serialized: unknown,
    prompts: string[],
    runId: string,
    parentRunId?: string,
    extraParams?: Record<string, unknown>,
    _tags?: string[],
    metadata?: Record<string, unknown>,
    runName?: string,
  ): Promise<void> {
    const event: ModelEvent = { serialized, extraParams, metadata, runName };
    return this.#begin({ runId, parentRunId, metadata, name: runName }, () => textModelEvent(event, prompts[0] ?? ''));
  }

  override handleToolStart(
    serialized: unknown,
    input: string,
    runId: string,
    parentRunId?: string,
    _tags?: string[],
    metadata?: Record<string, unknown>,
    runName?: string,
    toolCallId?: string,
  ): Promise<void> {
    const { thread_id: threadId, checkpoint_ns: node } = settingsOf(metadata);
    return this.#begin(
      { runId, parentRunId, metadata, name: runName },
      () => toolEvent(serialized, input, runName, toolCallId),
      replayKey(threadId, node, toolCallId),
    );
  }

  override async handleLLMNewToken(
    token: string,
    _index: NewTokenIndices,
    runId: string,
    _parentRunId?: string,
    _tags?: string[],
    fields?: { chunk?: unknown },
  ): Promise<void> {
    const step = this.#open.get(runId)?.step;
    if (step) for (const { delta, channel } of tokenPieces(token, fields?.chunk)) await step.stream(delta, channel);
  }

  override async handleChatModelStreamEvent(event: unknown, runId: string): Promise<void> {
    const step = this.#open.get(runId)?.step;
    if (step) for (const { delta, channel } of eventPieces(event)) await step.stream(delta, channel);
  }

  override handleLLMEnd(
    { generations, llmOutput }: LLMResult,
    runId: string,
    _parentRunId?: string,
    _tags?: string[],
    extraParams?: Record<string, unknown>,
  ): Promise<void> {
    return this.#settle(runId, undefined, ({ step, watch }) => {
      const first = generations[0]?.[0];
      const message = (first as { message?: unknown } | undefined)?.message;
      const result = message ? modelResult(message) : { text: first?.text ?? '' };
      if (watch) watch.newest = 'ok';
      return step.end({ ...result, ...(extraParams?.['cached'] === true ? { cached: true } : {}) }, usageReport({ message, llmOutput }));
    });
  }

  override handleLLMError(error: unknown, runId: string): Promise<void> {
    return this.#settle(runId, error, ({ step, watch }) => {
      if (watch) watch.newest = 'failed';
      const failed = step.fail(error);
      this.#feel(runId);
      return failed;
    });
  }

  override handleToolEnd(output: unknown, runId: string): Promise<void> {
    return this.#settle(runId, undefined, ({ step }) => step.end(toolResult(output)));
  }

  override handleToolError(error: unknown, runId: string): Promise<void> {
    // A tool that waits for a person has not been called yet: it will be, when the person has answered.
    return this.#settle(runId, error, ({ step }) => {
      if (isParentCommand(error)) return step.end(toolResult(error.command));
      return isGraphBubbleUp(error) ? step.release() : step.fail(error);
    });
  }

  override async handleAgentAction(_action: unknown, runId: string): Promise<void> {
    // The one place where a classic executor lets a veto of its tools through.
    const run = this.#runs.find(runId);
    const stopped = run && feltHalt(run);
    if (stopped) throw stopped;
  }

  // LangChain's declaration has the last arguments in another order; this is the one in which they come.
  override handleChainStart(
    _chain: unknown,
    input: unknown,
    runId: string,
    parentRunId?: string,
    _tags?: string[],
    metadata?: Record<string, unknown>,
    _runType?: string,
    name?: string,
  ): Promise<void> {
    this.#runs.enter({ runId, parentRunId, metadata, name, input });
    return done;
  }

  override handleChainEnd(_output: unknown, runId: string): Promise<void> {
    return this.#runs.leave?.(runId) ?? done;
  }

  override handleChainError(error: unknown, runId: string): Promise<void> {
    return this.#runs.leave?.(runId, error) ?? done;
  }

  #begin(event: LangChainRun, callOf: () => Call, replayed?: string): Promise<void> {
    const { runId } = event;
    const run = this.#runs.enter(event);
    if (!run || run.isEnded || !this.#claims.take(runId, this)) return done;
    try {
      const { agent } = agentIn(settingsOf(event.metadata)['checkpoint_ns']);
      const call = agent === undefined ? callOf() : { ...callOf(), agent };
      const around = call.kind === 'model' ? attemptAround(this.guard) : undefined;
      const key = call.kind === 'model' ? (around?.key ?? runId) : undefined;
      // At once: parallel tools are told of together, and each must find what the others hold.
      return run.begin(call, { key, canEdit: false, replayKey: replayed }).then(
        (step) => this.#keep(runId, { step, watch: step.isJoined ? around?.watch : undefined }),
        (error: unknown) => this.#refused(run, runId, error),
      );
    } catch (error) {
      return this.#refused(run, runId, error);
    }
  }

  async #refused(run: Run, runId: string, error: unknown): Promise<never> {
    feltHalt(run);
    // LangChain tells nothing more of a call that was refused.
    this.#claims.release(runId, this);
    await this.#runs.leave?.(runId, error);
    throw error;
  }

  /** A call that failed in a halted run was cut by the halt, or will be taken for it. */
  #feel(runId: string): void {
    const run = this.#runs.find(runId);
    if (run) feltHalt(run);
  }

  #keep(runId: string, metered: Metered): void {
    this.#open.set(runId, metered);
    // LangChain has no end for a stream whose consumer left; the guard gives such a step up by itself.
    if (this.#open.size > OPEN_MAX) for (const oldest of this.#open.keys()) return void this.#open.delete(oldest);
  }

  #settle(runId: string, error: unknown, book: (metered: Metered) => Promise<void>): Promise<void> {
    const metered = this.#open.get(runId);
    this.#open.delete(runId);
    this.#claims.release(runId, this);
    const booked = metered ? book(metered) : done;
    // A step is booked when its method returns, so a run that ends with this event has it in its books.
    const leaving = this.#runs.leave?.(runId, error);
    return leaving ? booked.then(() => leaving) : booked;
  }
}
