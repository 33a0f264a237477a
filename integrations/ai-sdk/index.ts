/**
 * holdfast for the AI SDK (Vercel's `ai`): a guarded model, guarded tools, and a condition that ends the loop.
 *
 * @module
 */
export type { GuardModelOptions } from './call-scopes.ts';
export type { ModelByName } from './edited-call.ts';
export { guardEmbeddingModel, type GuardEmbeddingModelOptions, type HostEmbeddingModel } from './guard-embedding-model.ts';
export { guardMiddleware, type GuardMiddlewareOptions } from './guard-middleware.ts';
export { guardModel } from './guard-model.ts';
export { guardTools, type GuardToolsOptions } from './guard-tools.ts';
export type { AnyGuard, CallParams, HostModel } from './host.ts';
export { whenHalted, type WhenHalted } from './when-halted.ts';
