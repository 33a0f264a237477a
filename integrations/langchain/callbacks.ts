import type { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import type { CallbackManager, Callbacks } from '@langchain/core/callbacks/manager';
import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons';

/** The callbacks of a call: those it was given, else those that LangChain carries in its own context. */
export const callbacksInForce = (callbacks: Callbacks | undefined): Callbacks | undefined =>
  callbacks ?? AsyncLocalStorageProviderSingleton.getRunnableConfig()?.callbacks;

/** The signal of a call: the one it was given, else the one that LangChain carries in its own context, which a given one replaces. */
export const signalInForce = (signal: unknown): unknown => signal ?? AsyncLocalStorageProviderSingleton.getRunnableConfig()?.signal;

/** The handlers in a config's `callbacks`, which may be a list or a manager. */
export function handlersIn(callbacks: unknown): readonly unknown[] {
  if (Array.isArray(callbacks)) return callbacks;
  const { handlers } = (callbacks ?? {}) as { handlers?: unknown };
  return Array.isArray(handlers) ? handlers : [];
}

/** LangChain's id of the run around a call, where its callbacks know one. */
export function parentRunIdIn(callbacks: unknown): string | undefined {
  const { getParentRunId } = (callbacks ?? {}) as { getParentRunId?: unknown };
  return typeof getParentRunId === 'function' ? (callbacks as CallbackManager).getParentRunId() : undefined;
}

/** The same callbacks and one handler more. */
export function withHandler(callbacks: Callbacks | undefined, handler: BaseCallbackHandler): Callbacks {
  if (!callbacks) return [handler];
  if (Array.isArray(callbacks)) return [...callbacks, handler];
  const copy = callbacks.copy();
  copy.addHandler(handler, true);
  return copy;
}
