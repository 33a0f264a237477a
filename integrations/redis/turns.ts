/** Work about one id after the other: who comes with an id about which something is being done waits. */
export interface Turns {
  /** Whether something is being done about an id. */
  isBusy(id: string): boolean;
  /** Does what concerns an id after all that was to be done about it before. */
  take<T>(id: string, work: () => Promise<T>): Promise<T>;
}

export function turnsById(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    isBusy: (id) => last.has(id),
    take(id, work) {
      const turn = (last.get(id) ?? Promise.resolve()).then(work, work);
      const done = (): void => {
        if (last.get(id) === turn) last.delete(id);
      };
      last.set(id, turn);
      turn.then(done, done);
      return turn;
    },
  };
}
