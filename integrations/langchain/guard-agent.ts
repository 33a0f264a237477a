import { Runnable, type RunnableConfig } from '@langchain/core/runnables';
import { IterableReadableStream } from '@langchain/core/utils/stream';
import { HaltError } from 'holdfast';
import { openCall, type AgentCall, type GuardAgentOptions, type GuardedAgent } from './agent-call.ts';
import { agentKind, isCreatedAgent, type AgentKind } from './agent-kind.ts';
import { guardedStream, relayed } from './agent-streams.ts';
import type { AnyGuard } from './any-guard.ts';
import { guardedEvents } from './guarded-events.ts';
import { withGuardMiddleware } from './guarded-created-agent.ts';
import { settingsOf } from './model-call.ts';

export type { GuardAgentOptions } from './agent-call.ts';

type Method = (...args: unknown[]) => unknown;

/** Methods that give another runnable built around this one: it must be built around the guarded one. */
const builders: ReadonlySet<PropertyKey> = new Set([
  'pipe',
  'pick',
  'assign',
  'withRetry',
  'withFallbacks',
  'withListeners',
  'asTool',
  'streamLog',
  '_streamLog',
]);

/** Methods that give this agent with other settings: what they give is guarded again. */
const variations: ReadonlySet<PropertyKey> = new Set(['withConfig']);

/**
 * The same agent under a guard: what `createAgent` gives, a compiled LangGraph graph, a classic `AgentExecutor`, any
 * Runnable. Its type stays. Every call is a run (inside `guard.run` it takes that run, inside another agent it is a child
 * of its run): all that the host shows is metered; a halt stops it for good, past the host's retries and fallbacks.
 *
 * A halted call rejects with the run's own error, the very instance. Where the guard has a fallback, its answer comes back
 * in the shape in which the agent answers: a text becomes the last message, or an executor's `output`; anything else is
 * returned as it is. Scope ids are read from the config of the call: `session_id` (else `thread_id`), `user_id`,
 * `tenant_id`, `feature`.
 *
 * An agent of `createAgent` also follows the guard's offers, for it is rebuilt with `guardMiddleware` first in its list.
 * For others pass `guardModel` and `guardTools` to the agent, if its calls are to be changed and not only stopped.
 *
 * @example
 * const agent = guardAgent(executor, guard);
 * await agent.invoke({ input }, { configurable: { session_id, user_id, feature: 'support' } });
 */
export function guardAgent<T extends object>(agent: T, guard: AnyGuard, options: GuardAgentOptions = {}): T {
  const name = options.agent ?? nameOf(agent);
  const target = isCreatedAgent(agent) ? withGuardMiddleware(agent, guard, name) : agent;
  const kind = agentKind(target);
  const { answer } = options;
  const shaped: AgentKind = answer ? { ...kind, answer, pieces: (output, input) => [answer(output, input)] } : kind;
  const guarded: GuardedAgent = { guard, target, kind: shaped, name, options };
  const method = (property: string): Method | undefined => {
    const value: unknown = Reflect.get(target, property, target);
    return typeof value === 'function' ? (value as Method).bind(target) : undefined;
  };
  const stream = (method_: string) => (call: AgentCall) => method(method_)?.(call.input, call.config) as AsyncIterable<unknown>;
  const overrides: Record<string, (proxy: object) => Method> = {
    invoke: () => (input, config) => invoke(guarded, input, config as RunnableConfig | undefined),
    stream: () => (input, config) => streamed(guarded, input, config as RunnableConfig | undefined),
    streamEvents: () => (input, config, more) => guardedEvents(guarded, input, config as RunnableConfig | undefined, more),
    batch: (proxy) => (inputs, config, more) => Reflect.apply(Runnable.prototype.batch, proxy, [inputs, config, more]) as unknown,
    _streamIterator: () => (input, config) =>
      guardedStream(guarded, input, config as RunnableConfig | undefined, stream('_streamIterator')),
    transform: () => (inputs, config) => guardedStream(guarded, inputs, config as RunnableConfig | undefined, stream('transform')),
  };
  let graph: { readonly of: unknown; readonly guarded: unknown } | undefined;
  const proxy: T = new Proxy(agent, {
    get(_agent, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property === 'graph' && typeof value === 'object' && value !== null) {
        if (graph?.of !== value) graph = { of: value, guarded: guardAgent(value, guard, { ...options, agent: name }) };
        return graph.guarded;
      }
      if (typeof value !== 'function' || property === 'constructor') return value;
      const override = typeof property === 'string' && Object.hasOwn(overrides, property) ? overrides[property] : undefined;
      if (override) return override(proxy);
      if (builders.has(property)) return (...args: unknown[]) => built(proxy, property, args);
      if (variations.has(property))
        return (...args: unknown[]) => guardAgent(Reflect.apply(value, target, args) as object, guard, { ...options, agent: name });
      return value.bind(target);
    },
    set: (_agent, property, value) => Reflect.set(target, property, value, target),
    has: (_agent, property) => Reflect.has(target, property),
  });
  return proxy;
}

/**
 * A runnable built around the guarded agent. Some classes build around their parts instead of themselves; the method of
 * the base class does not.
 */
function built(proxy: object, property: PropertyKey, args: unknown[]): unknown {
  const result: unknown = Reflect.apply(Reflect.get(Runnable.prototype, property) as Method, proxy, args);
  const { onFailedAttempt } = settingsOf(result);
  if (property !== 'withRetry' || typeof onFailedAttempt !== 'function') return result;
  return Object.assign(result as object, {
    // A halted run is not to be tried again: each try would be a new run with a budget of its own.
    onFailedAttempt(error: unknown, input: unknown) {
      if (HaltError.is(error)) throw error;
      return (onFailedAttempt as Method)(error, input);
    },
  });
}

async function invoke(agent: GuardedAgent, input: unknown, config: RunnableConfig | undefined): Promise<unknown> {
  const call = await openCall(agent, input, config);
  try {
    const output = await call.within(() => (agent.target as { invoke: Method }).invoke(call.input, call.config));
    call.saw(output);
    const swallowed = call.ended();
    if (swallowed) throw swallowed;
    return output;
  } catch (error) {
    const outcome = await call.failed(error);
    if ('error' in outcome) throw outcome.error;
    return agent.kind.answer(outcome.output, call.input);
  } finally {
    await call.close();
  }
}

async function streamed(agent: GuardedAgent, input: unknown, config: RunnableConfig | undefined): Promise<unknown> {
  const call = await openCall(agent, input, config);
  const pieces = relayed(
    agent,
    call,
    config,
    () => (agent.target as { stream: Method }).stream(call.input, call.config) as Promise<AsyncIterable<unknown>>,
  );
  return IterableReadableStream.fromAsyncGenerator(pieces);
}

function nameOf(agent: object): string {
  const { name, options, lc_kwargs: kwargs } = agent as { name?: unknown; options?: unknown; lc_kwargs?: unknown };
  const names = [settingsOf(options)['name'], name, settingsOf(kwargs)['name']];
  return names.find((each): each is string => typeof each === 'string' && each !== '') ?? 'agent';
}
