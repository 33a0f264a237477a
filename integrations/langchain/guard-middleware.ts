import type { AgentMiddleware } from 'langchain';
import type { RunBudgets, RunOptions } from 'holdfast';
import type { AnyGuard } from './any-guard.ts';
import type { MiddlewareHost } from './middleware-host.ts';
import { guardedModelCall } from './middleware-model-call.ts';
import { middlewareRuns, type MiddlewareConfig } from './middleware-runs.ts';
import { guardedToolCall } from './middleware-tool-call.ts';

export interface GuardMiddlewareOptions {
  /** Scope ids beside those that are found in `configurable`, `context` and `metadata` of the invocation. They win. */
  readonly scopes?: (config: MiddlewareConfig) => RunOptions<string>['scopes'];
  /** Limits of each run that the middleware starts; they only tighten the guard's. */
  readonly budgets?: RunBudgets<string>;
  /** The agent's name in reports. Default: `agent`. */
  readonly agent?: string;
  /** Whether tool calls are steps. Default true. False leaves the agent without a hook around its tools. */
  readonly tools?: boolean;
  /**
   * What becomes of an error that a tool throws. `message` (default) is what `createAgent` does where no middleware wraps
   * tools: the model is told. `throw` is what it does where another middleware does: the run fails. A guarded agent
   * (`guardAgent`) sees which of the two it is; a middleware cannot.
   */
  readonly toolErrors?: 'message' | 'throw' | (() => 'message' | 'throw');
}

const middlewareGuards = new WeakMap<object, AnyGuard>();
const names = new WeakMap<AnyGuard, string>();
let named = 0;

/** Whether a middleware is this guard's. */
export const isMiddlewareOf = (guard: AnyGuard, middleware: unknown): boolean =>
  typeof middleware === 'object' && middleware !== null && middlewareGuards.get(middleware) === guard;

/** Two guards may guard one agent; LangChain wants each middleware to have a name of its own. */
function nameOf(guard: AnyGuard): string {
  const known = names.get(guard);
  if (known) return known;
  named += 1;
  const name = named === 1 ? 'HoldfastGuard' : `HoldfastGuard${named}`;
  names.set(guard, name);
  return name;
}

/**
 * A middleware for `createAgent` that meters every model and tool call, follows the guard's offers (another model, an
 * output cap, fewer tools, an edited history, an answer in place of the call), and ends a halted run gracefully where the
 * guard has a fallback: the fallback's answer is the agent's last message. Without a fallback the halt's error is thrown;
 * LangChain wraps what a middleware throws (`error.cause`, `findHaltError(error)`).
 *
 * Put it first in the list: retries and fallback models of other middleware are then inside, and each try is an attempt
 * with a hold of its own. It uses only the two hooks that cost no step of the graph.
 *
 * @example
 * const agent = createAgent({ model, tools, middleware: [guardMiddleware(guard)] });
 * await agent.invoke({ messages }, { configurable: { thread_id: 't1', user_id: 'u1' } });
 */
export function guardMiddleware(guard: AnyGuard, options: GuardMiddlewareOptions = {}): AgentMiddleware {
  const runs = middlewareRuns(guard, options);
  const { toolErrors = 'message' } = options;
  const host: MiddlewareHost = { guard, runs, toolErrors: typeof toolErrors === 'string' ? () => toolErrors : toolErrors };
  const middleware = {
    [Symbol.for('AgentMiddleware')]: true as const,
    name: nameOf(guard),
    wrapModelCall: (request: unknown, next: unknown) => guardedModelCall(host, request as never, next as never),
    ...(options.tools === false
      ? {}
      : { wrapToolCall: (request: unknown, next: unknown) => guardedToolCall(host, request as never, next as never) }),
  };
  middlewareGuards.set(middleware, guard);
  return middleware as unknown as AgentMiddleware;
}
