import { RunContext, Runner, RunState, StreamedRunResult, type RunConfig } from '@openai/agents';
import { InvalidOptionError, type Run, type RunBudgets, type RunOptions } from 'holdfast';
import { handOver, withAgent } from './agent-runs.ts';
import { endedOnRefusal } from './answers.ts';
import { guardModel, guardModelProvider, isGuardedBy } from './guard-model.ts';
import { detached, fieldsOf, type AnyGuard } from './host.ts';
import { pausedRuns, type PausedRuns } from './paused-runs.ts';

/** What scope ids are read from: the context of a call, its conversation, and the runner's metadata for traces. */
export interface RunnerCall {
  readonly context: unknown;
  readonly configurable: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What all runs of a guarded runner have in common. */
export interface GuardRunnerOptions {
  /** Scope ids beside those that are found in the call. They win. */
  readonly scopes?: (call: RunnerCall) => RunOptions<string>['scopes'];
  /** Limits of each run; they only tighten the guard's. */
  readonly budgets?: RunBudgets<string>;
  /** The provider's id in price tables, where one name is sold by several. */
  readonly provider?: string;
}

/**
 * A runner like this one, each call of which is one run: all its agents, whatever hands over to whom, draw on one budget. Inside
 * `guard.run` it takes that run; inside another guarded agent it is a run within. Its models are guarded, and those of agents
 * that work inside tools, as long as agents name them by a text; an agent with a model instance needs `guardModel`, and is
 * refused without. Tools are guarded by `guardTools`. Listeners are put on the runner that this gives.
 *
 * A halted call rejects with the run's own error, the very instance, whatever the SDK made of it; a stream fails with it.
 * With a fallback, its answer is the final output. A call that is interrupted for an approval and resumed with its `state` goes
 * on in the same run. Scope ids are read from the call's `context`, from `conversationId` (else the runner's `groupId`) as the
 * session, and from `traceMetadata`: `session_id`, `user_id`, `tenant_id`, `feature`, and the user's own scopes.
 *
 * @example
 * const runner = guardRunner(new Runner(), guard);
 * const result = await runner.run(triage, 'Where is my parcel?', { context: { user_id: 'u1' } });
 */
export function guardRunner(runner: Runner, guard: AnyGuard, options: GuardRunnerOptions = {}): Runner {
  const guarded = new Runner(guardedConfig(runner, guard, options));
  const inner = guarded.run.bind(guarded) as RunAgent;
  guarded.on('agent_start', (_context, agent) => {
    assertGuarded(guard, agent);
    handOver(guard, agent.name);
  });
  const host: RunnerHost = { guard, options, inner, paused: pausedRuns(), config: guarded.config };
  const run: RunAgent = (agent, input, given = {}) => runAgent(host, agent, input, given);
  return Object.assign(guarded, { run: run as Runner['run'] });
}

/** What is needed of an agent; its own type has parameters that do not matter here. */
interface AgentLike {
  readonly name: string;
  readonly model: unknown;
}

interface CallOptions {
  readonly context?: unknown;
  readonly conversationId?: unknown;
}
type RunAgent = (agent: AgentLike, input: unknown, options?: CallOptions) => Promise<unknown>;

interface RunnerHost {
  readonly guard: AnyGuard;
  readonly options: GuardRunnerOptions;
  readonly inner: RunAgent;
  readonly paused: PausedRuns;
  readonly config: Runner['config'];
}

/** The configuration as it was given; what a runner fills in by itself is left to it. */
function guardedConfig({ config }: Runner, guard: AnyGuard, { provider }: GuardRunnerOptions): Partial<RunConfig> {
  const { model, modelProvider, workflowName, ...others } = config;
  const options = provider === undefined ? {} : { provider };
  const isOwnModel = model !== undefined && typeof model !== 'string' && !isGuardedBy(guard, model);
  return {
    ...(Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined)) as Partial<RunConfig>),
    ...(workflowName === undefined || workflowName === 'Agent workflow' ? {} : { workflowName }),
    ...(model === undefined ? {} : { model: isOwnModel ? guardModel(model, guard, options) : model }),
    modelProvider: guardModelProvider(modelProvider, guard, options),
  };
}

/** An agent that brings a model of its own past the guard would spend what nobody counts. */
function assertGuarded(guard: AnyGuard, { name, model }: AgentLike): void {
  if (typeof model === 'string' || isGuardedBy(guard, model)) return;
  const message = `agent ${name} brings a model instance; name the model by a text, or give guardModel(model, guard)`;
  throw new InvalidOptionError('an agent of a guarded runner', [{ path: 'model', message, value: undefined }]);
}

async function runAgent(host: RunnerHost, agent: AgentLike, input: unknown, given: CallOptions): Promise<unknown> {
  const { guard, inner, paused } = host;
  const { run, isOwn } = runFor(host, agent, input, given);
  const close = async (state?: unknown): Promise<void> => {
    if (!isOwn) return;
    if (state !== undefined && !run.haltError) paused.add(state as object, run);
    else await run.end();
  };
  let result: unknown;
  try {
    result = await withAgent(guard, run, agent.name, () => inner(agent, input, given));
  } catch (error) {
    await close();
    throw run.haltError ?? error;
  }
  if (result instanceof StreamedRunResult) {
    const over = (): void => detached(close(interruptedState(result)));
    result.completed.then(over, over);
    return result;
  }
  await close(interruptedState(result));
  if (endedOnRefusal(run)) throw run.haltError;
  return result;
}

function runFor(
  { guard, options, paused, config }: RunnerHost,
  agent: AgentLike,
  input: unknown,
  given: CallOptions,
): { run: Run; isOwn: boolean } {
  const around = guard.current();
  // Within `guard.run` the agent takes that run; within another agent it is a run of its own, inside that one.
  if (around && around.agent === undefined && around.step === undefined) return { run: around.run, isOwn: false };
  const waiting = input instanceof RunState ? paused.take(input) : undefined;
  if (waiting) return { run: waiting, isOwn: true };
  const call: RunnerCall = {
    context: given.context instanceof RunContext ? (given.context.context as unknown) : given.context,
    configurable: { thread_id: given.conversationId ?? config.groupId },
    metadata: fieldsOf(config.traceMetadata),
  };
  const run = guard.start({
    scopes: { ...guard.scopesOf(call), ...options.scopes?.(call) },
    agent: agent.name,
    ...(options.budgets ? { budgets: options.budgets } : {}),
  });
  return { run, isOwn: true };
}

/** The state of a result that waits for approvals. */
function interruptedState(result: unknown): unknown {
  const { interruptions, state } = fieldsOf(result);
  return Array.isArray(interruptions) && interruptions.length > 0 ? state : undefined;
}
