import type { Callbacks } from '@langchain/core/callbacks/manager';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { coerceMessageLikeToMessage, type BaseMessage, type BaseMessageLike } from '@langchain/core/messages';
import type { LLMResult } from '@langchain/core/outputs';
import { completed, type BeginAttempt } from './model-attempt.ts';
import { isBinding, rebound } from './bindings.ts';
import { callbacksInForce } from './callbacks.ts';
import { attemptStream } from './attempt-stream.ts';
import { bareInstanceOf, isConfigurable, type ConfigurableModel } from './configurable-model.ts';
import { settingsOf } from './model-call.ts';
import { waysAround } from './runnable-ways.ts';

/** Methods that give another model: what they give is metered too. */
const derivers: ReadonlySet<PropertyKey> = new Set(['bindTools', 'withConfig', 'withStructuredOutput']);

/** Methods that reach the model through others of its methods: those others must be the metered ones. */
const entrances: ReadonlySet<PropertyKey> = new Set([...waysAround, 'invoke', 'generatePrompt', 'streamV2']);

const meteredModels = new WeakSet<object>();

/** Whether `generate` and its like can be taken over. */
const isChatModel = (model: unknown): model is BaseChatModel =>
  typeof model === 'object' && model !== null && '_streamResponseChunks' in model && 'generate' in model;

/**
 * The same model, each call of which is first announced to `begin`. It stands as near to the provider as a host lets
 * anyone stand: retries and fallbacks of the host are outside of it, and each is an attempt of its own.
 */
export function meteredModel<M>(model: M, begin: BeginAttempt): M {
  if (isBinding(model)) return rebound(model, meteredModel(model.bound, begin)) as M;
  if (isConfigurable(model)) return meteredConfigurable(model, begin) as M;
  if (!isChatModel(model)) return model;
  const overrides: Record<PropertyKey, unknown> = {
    generate: (messages: BaseMessageLike[][], options?: unknown, callbacks?: Callbacks) =>
      generate(model, begin, messages, options, callbacks),
    _streamIterator: (input: unknown, options?: unknown) => streamIterator(model, begin, input, options),
    streamEvents: (input: unknown, options?: unknown, streamOptions?: unknown) =>
      streamEvents(model, metered, begin, input, options, streamOptions),
  };
  const metered: BaseChatModel = new Proxy(model, {
    get(target, property) {
      if (Object.hasOwn(overrides, property)) return overrides[property];
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      if (derivers.has(property)) return (...args: unknown[]) => meteredAgain(Reflect.apply(value, metered, args), begin);
      return entrances.has(property) ? value.bind(metered) : value.bind(target);
    },
  });
  meteredModels.add(metered);
  return metered as M;
}

/** A configurable model reaches the one that it stands for through one method of its own, and that one is metered. */
function meteredConfigurable(model: ConfigurableModel, begin: BeginAttempt): object {
  const called = async (config?: object): Promise<object> => {
    let instance = meteredModel(await bareInstanceOf(model, settingsOf(config)['configurable']), begin);
    for (const [method, args] of Object.entries(model._queuedMethodOperations)) {
      const queued: unknown = Reflect.get(instance, method);
      if (typeof queued === 'function') instance = (await Reflect.apply(queued, instance, args)) as object;
    }
    return instance;
  };
  const generate = async (messages: unknown, options?: unknown, callbacks?: unknown): Promise<unknown> =>
    ((await called(settingsOf(options))) as BaseChatModel).generate(messages as never, options as never, callbacks as never);
  const overrides: Record<PropertyKey, unknown> = { _getModelInstance: called, generate };
  const metered: object = new Proxy(model, {
    get(target, property) {
      if (Object.hasOwn(overrides, property)) return overrides[property];
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      return (...args: unknown[]) => {
        const given: unknown = Reflect.apply(value, metered, args);
        return derivers.has(property) ? meteredAgain(given, begin) : given;
      };
    },
  });
  meteredModels.add(metered);
  return metered;
}

/** What a deriver gave is built around the metered model, or is a new model that is not metered yet. */
function meteredAgain(derived: unknown, begin: BeginAttempt): unknown {
  return isMetered(isBinding(derived) ? derived.bound : derived) ? derived : meteredModel(derived, begin);
}

const isMetered = (model: unknown): boolean => typeof model === 'object' && model !== null && meteredModels.has(model);

async function generate(
  model: BaseChatModel,
  begin: BeginAttempt,
  prompts: BaseMessageLike[][],
  options: unknown,
  callbacks: Callbacks | undefined,
): Promise<LLMResult> {
  if (prompts.length !== 1) {
    const results = await Promise.all(prompts.map((prompt) => generate(model, begin, [prompt], options, callbacks)));
    const generations = results.flatMap(({ generations: each }) => each);
    const llmOutput = model._combineLLMOutput?.(...results.flatMap(({ llmOutput: each }) => (each ? [each] : [])));
    return llmOutput ? { generations, llmOutput } : { generations };
  }
  const messages = (prompts[0] ?? []).map((message) => coerceMessageLikeToMessage(message));
  const given = Array.isArray(options) ? { stop: options as string[] } : settingsOf(options);
  const attempt = await begin({
    model,
    messages,
    options: given,
    callbacks: callbacksInForce((given['callbacks'] as Callbacks | undefined) ?? callbacks),
  });
  if (attempt.answer) return { generations: [[{ text: attempt.answer.text, message: attempt.answer } as never]], llmOutput: {} };
  const { model: allowed, messages: sent, callbacks: told } = attempt;
  let result: LLMResult;
  try {
    result = await attempt.within(() => allowed.generate([sent], { ...attempt.options, callbacks: told } as never, told));
  } catch (error) {
    const failure = await attempt.failed(error);
    // A last call of a run that failed is made again, as the next rung allows it.
    if (attempt.isClosing && failure === error) return generate(model, begin, prompts, options, callbacks);
    throw failure;
  }
  return completed(attempt, result);
}

async function* streamIterator(model: BaseChatModel, begin: BeginAttempt, input: unknown, options: unknown): AsyncGenerator<unknown> {
  const given = settingsOf(options);
  const attempt = await begin({
    model,
    messages: messagesOf(input),
    options: given,
    callbacks: callbacksInForce(given['callbacks'] as Callbacks | undefined),
  });
  if (attempt.answer) return void (yield attempt.answer);
  yield* attemptStream(attempt, () =>
    attempt.model._streamIterator(attempt.messages, { ...attempt.options, callbacks: attempt.callbacks } as never),
  );
}

/** The newer protocol tells no callback of anything, so here its events are counted by hand. */
function streamEvents(
  model: BaseChatModel,
  metered: BaseChatModel,
  begin: BeginAttempt,
  input: unknown,
  options: unknown,
  streamOptions: unknown,
): unknown {
  const given = settingsOf(options);
  const events = Reflect.get(model, 'streamEvents') as (...args: unknown[]) => unknown;
  if (given['version'] === 'v1' || given['version'] === 'v2') return Reflect.apply(events, metered, [input, options, streamOptions]);
  // The stream is built by the host from the model's own events: it gets a model whose events are metered.
  const source = Object.create(model, {
    _streamChatModelEvents: {
      value: async function* (messages: BaseMessage[], callOptions: unknown, runManager: unknown) {
        const attempt = await begin({ model, messages, options: settingsOf(callOptions), callbacks: undefined });
        const chatEvents = Reflect.get(attempt.model, '_streamChatModelEvents') as (...args: unknown[]) => AsyncGenerator<unknown>;
        yield* attemptStream(
          attempt,
          () => Reflect.apply(chatEvents, attempt.model, [attempt.messages, callOptions, runManager]),
          'events',
        );
      },
    },
  }) as object;
  return Reflect.apply(events, source, [input, options, streamOptions]);
}

function messagesOf(input: unknown): BaseMessage[] {
  if (typeof input === 'string') return [coerceMessageLikeToMessage(input)];
  if (Array.isArray(input)) return input.map((message) => coerceMessageLikeToMessage(message as BaseMessageLike));
  const { toChatMessages } = input as { toChatMessages?: () => BaseMessage[] };
  return toChatMessages ? toChatMessages.call(input) : [];
}
