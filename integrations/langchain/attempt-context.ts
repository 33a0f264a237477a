import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyGuard } from './any-guard.ts';

/** How the newest attempt at the model call around us came out. */
export interface AttemptWatch {
  newest: 'none' | 'ok' | 'failed';
}

/** What a door tells the doors inside it: under which name it meters the attempt, and whom to tell how it came out. */
interface AttemptContext {
  readonly guard: AnyGuard;
  readonly key?: string | undefined;
  readonly watch?: AttemptWatch | undefined;
  readonly outer: AttemptContext | undefined;
}

const storage = new AsyncLocalStorage<AttemptContext>();

function contextOf(guard: AnyGuard): AttemptContext | undefined {
  let context = storage.getStore();
  while (context && context.guard !== guard) context = context.outer;
  return context;
}

/** The name under which a door around us meters this attempt. LangChain's own id of the call is not known so far out. */
export const attemptKey = (guard: AnyGuard): string | undefined => contextOf(guard)?.key;

/** Who wants to know how the attempts at the model call around us come out. */
export const attemptWatch = (guard: AnyGuard): AttemptWatch | undefined => contextOf(guard)?.watch;

/** Runs `fn` as one attempt of this name. */
export const withinAttempt = <T>(guard: AnyGuard, key: string, fn: () => T): T =>
  storage.run({ guard, key, watch: attemptWatch(guard), outer: storage.getStore() }, fn);

/** Runs `fn` as a model call whose attempts are watched. */
export const watchingAttempts = <T>(guard: AnyGuard, watch: AttemptWatch, fn: () => T): T =>
  storage.run({ guard, watch, outer: storage.getStore() }, fn);
