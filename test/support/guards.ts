import type { EventName, Guard, GuardEvents, ModelCall, ToolCall } from 'holdfast';
import { onTestFinished } from 'vitest';

/** A model whose prices are round: 1,000 nano-dollars an input token, 2,000 an output token. */
export const prices = { m: { input: 1, output: 2 } };

/** A short call of that model. */
export const modelCall = (more: Partial<ModelCall> = {}): ModelCall => ({ kind: 'model', model: 'm', input: 'hello', ...more });

export const toolCall = (more: Partial<ToolCall> = {}): ToolCall => ({ kind: 'tool', name: 'search', args: { q: 1 }, ...more });

/** A whole usage, all of it known. */
export const usage = (inputTokens: number, outputTokens: number, reasoningTokens = 0) => ({
  inputTokens,
  outputTokens,
  reasoningTokens,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
});

const eventNames: readonly EventName[] = [
  'run:start',
  'run:end',
  'run:halt',
  'step:start',
  'step:end',
  'budget:alert',
  'loop:verdict',
  'ladder:climb',
  'scope:missing',
  'store:error',
  'store:recovered',
  'hold:expired',
  'usage:invalid',
  'hook:error',
];

/** Writes down all events of a guard, in their order. */
export interface EventLog {
  readonly names: EventName[];
  /** All payloads, for a search of what must not be in them. */
  readonly payloads: unknown[];
  of<E extends EventName>(name: E): GuardEvents[E][];
}

export function logEvents(guard: Pick<Guard, 'on'>): EventLog {
  const seen: { name: EventName; payload: unknown }[] = [];
  for (const name of eventNames) guard.on(name, (payload: unknown) => void seen.push({ name, payload }));
  return {
    get names() {
      return seen.map(({ name }) => name);
    },
    get payloads() {
      return seen.map(({ payload }) => payload);
    },
    of: <E extends EventName>(name: E) => seen.filter((event) => event.name === name).map(({ payload }) => payload as GuardEvents[E]),
  };
}

/** Collects unhandled rejections until the test is over. Give the event loop a turn before looking. */
export function watchRejections(): { readonly seen: unknown[] } {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return { seen };
}

/** Lets everything that is due happen: promises, and the turn of the event loop in which Node reports rejections. */
export async function settleAll(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resume) => setImmediate(resume));
}

/** The error with which a promise rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error,
  );
}

/** A promise with its two ends. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
