import type { RunnableConfig } from '@langchain/core/runnables';
import { settingsOf } from './model-call.ts';
import { waitingAt, type Thread } from './saved-runs.ts';

/** What LangGraph's graphs and `createAgent`'s agents have where they keep threads. */
export interface Threaded {
  readonly checkpointer?: unknown;
  getState(config: RunnableConfig): Promise<{ readonly values?: unknown; readonly next?: readonly unknown[] }>;
}

/** Whether a piece of output, an event or one of several values at once tells of an interrupt. */
export function hasInterrupt(output: unknown): boolean {
  const { chunk, output: ended } = settingsOf(settingsOf(output)['data']);
  return [output, chunk, ended].flat().some((piece) => typeof piece === 'object' && piece !== null && '__interrupt__' in piece);
}

/**
 * Whether a thread waits for a person although what was seen of the agent did not tell: of the streams only updates and values
 * do, as long as they are objects.
 */
export async function waitsUnseen(target: object, thread: Thread, config: RunnableConfig, hasEnded: boolean): Promise<boolean> {
  const { streamMode = 'updates', encoding } = settingsOf(config);
  if (encoding === undefined && [streamMode].flat().some((mode) => mode === 'updates' || mode === 'values')) return false;
  if ((await waitingAt(thread)).isInterrupted) return true;
  return hasEnded && hasBreakpoints(target, config) && hasMoreToDo(target as Threaded, config);
}

/** Breakpoints leave nothing in the checkpoint that tells of them. */
const hasBreakpoints = (...holders: readonly object[]): boolean =>
  holders.map(settingsOf).some((holder) => ['interruptBefore', 'interruptAfter'].some((name) => hasAny(holder[name])));

const hasAny = (nodes: unknown): boolean => (typeof nodes === 'string' || Array.isArray(nodes)) && nodes.length > 0;

async function hasMoreToDo(target: Threaded, config: RunnableConfig): Promise<boolean> {
  try {
    return ((await target.getState(config)).next?.length ?? 0) > 0;
  } catch {
    // A thread that cannot be read cannot be gone on with.
    return false;
  }
}
