import { gateway, wrapLanguageModel } from 'ai';
import { InvalidOptionError } from 'holdfast';
import { guardMiddleware, type GuardMiddlewareOptions } from './guard-middleware.ts';
import type { AnyGuard, HostModel } from './host.ts';

/**
 * The same model, each call of which is a step of a run. It works inside `guard.run`, and without: then each execution of
 * the SDK's loop is a run of its own, from the first call to the answer that asks for no tool. Whom such a run works for is
 * said with the call, under `providerOptions.holdfast` (which no provider gets to see), or by the option `scopes`.
 *
 * Inside `guard.run`, read a stream there or return it (`textStream`): a run is over when its function is.
 *
 * A text is a model of the SDK's default provider, as everywhere in the SDK.
 *
 * @throws InvalidOptionError for a model of the SDK's version 5
 * @example
 * const result = await generateText({
 *   model: guardModel(openai('gpt-4o'), guard),
 *   tools: guardTools(tools, guard),
 *   stopWhen: stepCountIs(20),
 *   prompt,
 *   providerOptions: { holdfast: { user: 'u1', session: 'chat-7' } },
 * });
 */
export function guardModel(model: HostModel | string, guard: AnyGuard, options: GuardMiddlewareOptions = {}): HostModel {
  return wrapLanguageModel({ model: resolved(model), middleware: guardMiddleware(guard, options) });
}

interface WithDefault {
  AI_SDK_DEFAULT_PROVIDER?: { languageModel(name: string): HostModel };
}

function resolved(model: HostModel | string): HostModel {
  if (typeof model !== 'string') {
    const { specificationVersion: version } = model as { specificationVersion?: unknown };
    if (version !== 'v2' && version !== 'v1') return model;
    const message = `the model speaks ${version}, which is of version 5 of the SDK and older; update the provider's package`;
    throw new InvalidOptionError('arguments of guardModel', [{ path: 'model', message, value: version }]);
  }
  return ((globalThis as WithDefault).AI_SDK_DEFAULT_PROVIDER ?? gateway).languageModel(model);
}
