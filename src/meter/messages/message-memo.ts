/** Counts by identity: what a message's texts came to, for as long as the host keeps the message. */
export interface MessageMemo {
  /** The remembered count of this object, if its sources are still the same values. */
  get(tokenizer: string, owner: object, sources: readonly unknown[]): number | undefined;
  set(tokenizer: string, owner: object, sources: readonly unknown[], tokens: number): void;
}

interface Entry {
  readonly sources: readonly unknown[];
  readonly tokens: number;
}

/** Remembers weakly: an entry lives no longer than the host's own object. A message that was given a new text is counted anew. */
export function createMessageMemo(): MessageMemo {
  const entriesOf = new Map<string, WeakMap<object, Entry>>();
  return {
    get(tokenizer, owner, sources) {
      const entry = entriesOf.get(tokenizer)?.get(owner);
      if (entry === undefined || entry.sources.length !== sources.length) return undefined;
      return entry.sources.every((source, index) => source === sources[index]) ? entry.tokens : undefined;
    },
    set(tokenizer, owner, sources, tokens) {
      let entries = entriesOf.get(tokenizer);
      if (entries === undefined) entriesOf.set(tokenizer, (entries = new WeakMap()));
      entries.set(owner, { sources, tokens });
    },
  };
}
