/**
 * holdfast for the OpenAI Agents SDK (`@openai/agents`): a guarded runner, guarded models and guarded tools.
 *
 * @module
 */
export { guardModel, guardModelProvider, type GuardModelOptions } from './guard-model.ts';
export { guardRunner, type GuardRunnerOptions, type RunnerCall } from './guard-runner.ts';
export { guardTools } from './guard-tools.ts';
export type { AnyGuard } from './host.ts';
