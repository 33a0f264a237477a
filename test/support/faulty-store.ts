import { memoryStore, type Store } from 'holdfast';

/** What a store does with one operation: answer a turn later, throw at once or late, never answer, or do the work and lose the answer. */
export type Fault = 'none' | 'throw' | 'reject' | 'hang' | 'lost-answer';

export type Operation = 'reserve' | 'settle' | 'extend' | 'read' | 'adjust' | 'list' | 'erase' | 'flush';

export interface FaultyStore extends Store {
  /** The store behind: what is really booked. */
  readonly inner: Store;
  /** What each operation does from now on; what is not named works. */
  faults: Partial<Record<Operation, Fault>>;
  /** Decides call by call, before `faults`. */
  decide: ((operation: Operation) => Fault | undefined) | undefined;
  /** How often each operation was asked for. */
  readonly calls: Record<string, number>;
}

/** A shared store as a network shows it: it answers later, and sometimes not at all. */
export function faultyStore(now: () => number = Date.now): FaultyStore {
  const inner = memoryStore({ now });
  const calls: Record<string, number> = {};

  async function ask<T>(operation: Operation, work: () => T | Promise<T>): Promise<T> {
    await Promise.resolve();
    const fault = store.decide?.(operation) ?? store.faults[operation] ?? 'none';
    if (fault === 'reject') throw new Error(`no connection for ${operation}`);
    if (fault === 'hang') return new Promise(() => {});
    const answer = await work();
    return fault === 'lost-answer' ? new Promise(() => {}) : answer;
  }

  const through = <A extends unknown[], T>(operation: Operation, work: (...args: A) => T | Promise<T>) => {
    return (...args: A): Promise<T> => {
      calls[operation] = (calls[operation] ?? 0) + 1;
      if ((store.decide?.(operation) ?? store.faults[operation]) === 'throw') throw new Error(`broken at ${operation}`);
      return ask(operation, () => work(...args));
    };
  };

  const store: FaultyStore = {
    name: 'faulty',
    inner,
    faults: {},
    decide: undefined,
    calls,
    reserve: through('reserve', inner.reserve),
    settle: through('settle', inner.settle),
    extend: through('extend', inner.extend),
    read: through('read', inner.read),
    adjust: through('adjust', inner.adjust),
    list: through('list', inner.list),
    erase: through('erase', inner.erase),
    flush: through('flush', async () => {}),
  };
  return store;
}
