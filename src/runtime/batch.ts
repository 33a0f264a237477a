import { AsyncResource } from 'node:async_hooks';

/** Things that wait to be worked off, many at a time and in their order. */
export interface Batch<T> {
  add(item: T): void;
  /** Works off what waits, now. Does nothing while it is being worked off. */
  flush(): void;
}

/** So many never wait: the last of them has all worked off at once. */
const MOST = 256;
/** Nothing waits longer, unless the event loop stands still. */
const WITHIN_MS = 100;

/**
 * Gathers things and works them off together: code that runs now and then between the host's own finds no cache warm, and takes up
 * to five times as long as code that runs over many at once. `work` must not throw. It runs in the asynchronous context in
 * which the batch was made, not in that of whoever happened to add the first or the last.
 */
export function createBatch<T>(work: (item: T) => void): Batch<T> {
  const context = new AsyncResource('holdfast.batch');
  let waiting: T[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isWorking = false;

  function workOff(): void {
    const items = waiting;
    waiting = [];
    clearTimeout(timer);
    timer = undefined;
    isWorking = true;
    for (const item of items) work(item);
    isWorking = false;
  }

  function flush(): void {
    if (waiting.length > 0 && !isWorking) context.runInAsyncScope(workOff);
  }

  return {
    add(item) {
      waiting.push(item);
      if (waiting.length >= MOST) flush();
      else timer ??= setTimeout(flush, WITHIN_MS).unref();
    },
    flush() {
      flush();
      // What the work itself added: failures that are told.
      flush();
    },
  };
}
