/**
 * holdfast for LangChain: wrap an agent, attach a callback handler, or add a middleware.
 *
 * @module
 */
export { guardAgent, type GuardAgentOptions } from './guard-agent.ts';
export { GuardCallbackHandler, type GuardCallbackHandlerOptions } from './guard-callback-handler.ts';
export { guardMiddleware, type GuardMiddlewareOptions } from './guard-middleware.ts';
export type { MiddlewareConfig } from './middleware-runs.ts';
export { interruptHandoff, type HandoffInterrupt } from './interrupt-handoff.ts';
export { guardModel } from './guard-model.ts';
export { guardTools } from './guard-tools.ts';
