import type { LanguageModelMiddleware } from 'ai';
import type { GuardModelOptions } from './call-scopes.ts';
import type { ModelByName } from './edited-call.ts';
import type { AnyGuard } from './host.ts';
import { generatedCall, streamedCall } from './metered-call.ts';
import type { ModelDoor } from './open-call.ts';

/** How a model is guarded: whom its calls work for, and how another model is found. */
export interface GuardMiddlewareOptions extends GuardModelOptions {
  /**
   * Gives the model of a name, for offers that name one (`cheaperModel('gpt-4o-mini')`). Default: the same provider's model
   * of that name. It is needed where another middleware is inside this one.
   */
  readonly models?: ModelByName;
}

/**
 * A language-model middleware for `wrapLanguageModel`, for `generateText`, `streamText`, `generateObject`, `streamObject` and
 * agents alike: each call is a step, counted and held before, settled after, and changed as the guard's offer says (another
 * model, an output cap, less reasoning, fewer tools, an edited history, an answer in place of the call). A stream is cut
 * when its budget is used up.
 *
 * Each try of the SDK's own retries is a step with a hold of its own. Put it last in a list of middleware, so that it is
 * nearest to the model. Which run a call belongs to, and for whom it works: see `guardModel`.
 *
 * A halted call throws the run's own error, the very instance, and the SDK does not try again; where the guard has a
 * fallback, its answer is the model's last one.
 *
 * @example
 * const model = wrapLanguageModel({ model: openai('gpt-4o'), middleware: [guardMiddleware(guard)] });
 */
export function guardMiddleware(guard: AnyGuard, { models, ...options }: GuardMiddlewareOptions = {}): LanguageModelMiddleware {
  const door: ModelDoor = { guard, options, models };
  return {
    specificationVersion: 'v3',
    wrapGenerate: ({ model, params }) => generatedCall(door, model, params),
    wrapStream: ({ model, params }) => streamedCall(door, model, params),
  };
}
