import type { Clock } from './clock.ts';
import { detach, withinTime } from './time-limit.ts';

/** How long a consumer may leave a stream of a run alone before the run is ended. */
const IDLE_MAX_MS = 15 * 60_000;
/** How long the source of such a stream may take to tidy up. */
const TIDY_UP_MS = 5_000;

export const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> & object =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** What a stream of a run needs of it. */
export interface StreamHost {
  readonly clock: Clock;
  within<T>(fn: () => T): T;
  /** The error of the halt in place of whatever a host made of it. */
  translate(error: unknown): unknown;
  /** Called once: at the end, at `return()`, at an error, or when the consumer stays away too long. */
  onEnd(): void;
}

/**
 * The same stream, each step of which runs in the run's context. Whatever else the object can do, it still can:
 * only its iteration is changed.
 */
export function streamWithin<T extends AsyncIterable<unknown> & object>(stream: T, host: StreamHost): T {
  const { clock } = host;
  let isEnded = false;
  let timer: unknown;
  const end = (): void => {
    clock.clearTimeout(timer);
    if (isEnded) return;
    isEnded = true;
    host.onEnd();
  };
  const opened = new Set<AsyncIterator<unknown>>();
  // The source may be in the middle of something: it is told as a consumer would tell it, and tidies up in the run.
  const abandon = (): void => {
    const tidied = Promise.allSettled([...opened].map((inner) => host.within(async () => inner.return?.())));
    detach(withinTime('the stream', tidied, TIDY_UP_MS, clock, false).finally(end));
  };
  const wait = (): void => {
    clock.clearTimeout(timer);
    if (!isEnded) timer = clock.setTimeout(abandon, IDLE_MAX_MS);
  };

  function iterate(): AsyncIterableIterator<unknown> {
    const inner = host.within(() => stream[Symbol.asyncIterator]());
    opened.add(inner);
    const ask = async (act: () => PromiseLike<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> => {
      clock.clearTimeout(timer);
      try {
        const result = await host.within(act);
        if (result.done) end();
        else wait();
        return result;
      } catch (error) {
        end();
        throw host.translate(error);
      }
    };
    return {
      next: (...args) => ask(() => inner.next(...(args as []))),
      return: async (value) => {
        try {
          return inner.return ? await host.within(() => inner.return!(value)) : { done: true, value };
        } finally {
          end();
        }
      },
      throw: (error) => ask(() => (inner.throw ? inner.throw(error) : Promise.reject(error as Error))),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  let ownIterator: AsyncIterableIterator<unknown> | undefined;
  wait();
  return new Proxy(stream, {
    get(target, property) {
      if (property === Symbol.asyncIterator) return iterate;
      // A generator is its own iterator: its `next` must be ours too.
      if ((property === 'next' || property === 'return' || property === 'throw') && typeof Reflect.get(target, property) === 'function') {
        ownIterator ??= iterate();
        return ownIterator[property]?.bind(ownIterator);
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  });
}
