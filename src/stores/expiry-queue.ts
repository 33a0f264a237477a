/** Anything that lives until a moment, in milliseconds. The moment may be moved later while it is queued. */
export interface Expiring {
  expiresAt: number;
}

/**
 * A binary heap by expiry. A thing whose expiry was moved later is put back when its old turn comes, so that extending
 * costs nothing; things that are no longer wanted are thrown out together once they are the majority.
 */
export interface ExpiryQueue<T extends Expiring> {
  add(item: T): void;
  /** Says that one of the queued things is no longer wanted. */
  discard(): void;
  /** Takes the next thing that is due at `now` and still wanted, or undefined. */
  takeDue(now: number): T | undefined;
  readonly size: number;
}

/** Below this many things throwing out is not worth while. */
const SMALL = 64;

export function expiryQueue<T extends Expiring>(isWanted: (item: T) => boolean): ExpiryQueue<T> {
  let heap: { at: number; item: T }[] = [];
  let unwanted = 0;

  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j]!, heap[i]!];
  };
  const rise = (from: number): void => {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= heap[i]!.at) return;
      swap(i, parent);
      i = parent;
    }
  };
  const sink = (from: number): void => {
    for (let i = from; ;) {
      let least = i;
      for (let child = 2 * i + 1; child <= 2 * i + 2 && child < heap.length; child += 1)
        if (heap[child]!.at < heap[least]!.at) least = child;
      if (least === i) return;
      swap(i, least);
      i = least;
    }
  };
  const push = (item: T): void => {
    heap.push({ at: item.expiresAt, item });
    rise(heap.length - 1);
  };
  const pop = (): T => {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      sink(0);
    }
    return top.item;
  };

  return {
    add: push,
    discard() {
      unwanted += 1;
      if (unwanted < SMALL || unwanted * 2 < heap.length) return;
      heap = heap.filter(({ item }) => isWanted(item));
      for (let i = (heap.length >> 1) - 1; i >= 0; i -= 1) sink(i);
      unwanted = 0;
    },
    takeDue(now) {
      while (heap.length > 0 && heap[0]!.at <= now) {
        const item = pop();
        if (!isWanted(item)) unwanted = Math.max(0, unwanted - 1);
        else if (item.expiresAt <= now) return item;
        else push(item);
      }
      return undefined;
    },
    get size() {
      return heap.length;
    },
  };
}
