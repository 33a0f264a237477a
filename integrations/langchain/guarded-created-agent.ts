import type { CreatedAgent } from './agent-kind.ts';
import type { AnyGuard } from './any-guard.ts';
import { guardMiddleware, isMiddlewareOf } from './guard-middleware.ts';
import { settingsOf } from './model-call.ts';

/**
 * The agent that `createAgent` would have given with the guard's middleware first in its list. An agent that has it
 * already stays as it is.
 */
export function withGuardMiddleware(agent: CreatedAgent, guard: AnyGuard, name: string): CreatedAgent {
  const { options } = agent;
  const others = options.middleware ?? [];
  if (others.some((middleware) => isMiddlewareOf(guard, middleware))) return agent;
  const wrapsTools = others.some((middleware) => typeof settingsOf(middleware)['wrapToolCall'] === 'function');
  const hasTools = (options.tools?.length ?? 0) > 0 || others.some((middleware) => 'tools' in settingsOf(middleware));
  const middleware = guardMiddleware(guard, {
    agent: name,
    // A hook around tools gives an agent without tools a node for them, and so another behaviour.
    tools: hasTools || wrapsTools,
    toolErrors: () => (wrapsTools || options.signal?.aborted ? 'throw' : 'message'),
  });
  const rebuilt = withOptions(agent, { ...options, middleware: [middleware, ...others] });
  // Both may have been set after the agent was made.
  if (agent.checkpointer !== undefined) rebuilt.checkpointer = agent.checkpointer;
  if (agent.store !== undefined) rebuilt.store = agent.store;
  return rebuilt;
}

/**
 * Builds an agent like this one from other options. `withConfig` is the one public way to a new agent that keeps the
 * config which was bound to the old one, and it builds from the `options` of the agent: they are lent to it.
 */
function withOptions(agent: CreatedAgent, options: CreatedAgent['options']): CreatedAgent {
  const own = agent.options;
  agent.options = options;
  try {
    return agent.withConfig({}) as CreatedAgent;
  } finally {
    agent.options = own;
  }
}
